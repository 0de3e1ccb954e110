import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalUrl } from './canonical-url.ts'
import { querySignature, unsignedQuery, unsignedUrl } from './signed-query.ts'

const amazon =
  'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260102%2Feu-west-1%2Fs3%2Faws4_request' +
  '&X-Amz-Date=20260102T030405Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=abcdef'
const queries = {
  'Amazon S3': [amazon, '2026-01-02T03:14:05Z'],
  'Amazon S3, version 2': [
    'AWSAccessKeyId=AKIA&Expires=1767323045&Signature=a%2Bb%3D',
    '2026-01-02T03:04:05Z',
  ],
  'Google Cloud Storage': [
    'X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=me&X-Goog-Date=20260102T030405Z&X-Goog-Expires=60' +
      '&X-Goog-SignedHeaders=host&X-Goog-Signature=ff',
    '2026-01-02T03:05:05Z',
  ],
  'Google Cloud Storage, version 2': [
    'GoogleAccessId=me&Expires=1767323045&Signature=x',
    '2026-01-02T03:04:05Z',
  ],
  Azure: [
    'sv=2020-10-02&sr=b&sp=r&st=2026-01-02T00%3A00%3A00Z&se=2026-01-02T03%3A04%3A05Z&sig=a%2Fb%3D',
    '2026-01-02T03:04:05Z',
  ],
  'CloudFront, canned policy': [
    'Expires=1767323045&Signature=x~_&Key-Pair-Id=K1',
    '2026-01-02T03:04:05Z',
  ],
  'CloudFront, custom policy': ['Policy=eyJ9&Signature=x~_&Key-Pair-Id=K1', undefined],
  'Alibaba OSS': [
    'OSSAccessKeyId=me&Expires=1767323045&Signature=x&security-token=t',
    '2026-01-02T03:04:05Z',
  ],
  'Alibaba OSS, version 4': [
    'x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=me&x-oss-date=20260102T030405Z' +
      '&x-oss-expires=60&x-oss-signature=ff',
    '2026-01-02T03:05:05Z',
  ],
  'Tencent COS': [
    'q-sign-algorithm=sha1&q-ak=me&q-sign-time=1;1767323045&q-key-time=1;2&q-header-list=host' +
      '&q-url-param-list=&q-signature=x',
    '2026-01-02T03:04:05Z',
  ],
  Swift: ['temp_url_sig=da39&temp_url_expires=1767323045', '2026-01-02T03:04:05Z'],
} as const

const words = fc.stringMatching(/^[a-z0-9%._~ -]{0,12}$/)
const query = fc
  .array(fc.tuple(fc.stringMatching(/^[k-m][a-z0-9]{0,5}$/), words))
  .map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join('&'))

describe('the signature in a query', () => {
  test.each(Object.entries(queries))('of %s: its end is known, nothing of it stays', (_, entry) => {
    const [signed, end] = entry
    const endsAtMs = end === undefined ? undefined : Date.parse(end)
    expect(querySignature(signed)).toMatchObject({ endsAtMs })
    expect(unsignedQuery(signed)).toBe('')
    expect(unsignedUrl(`https://h/a?versionId=7&${signed}`)).toBe('https://h/a?versionId=7')
    expect(canonicalUrl(`https://h/a?${signed}&versionId=7`)).toBe('https://h/a?versionId=7')
  })

  test.each([
    ['without parameters', ''],
    ['with words that are part of signatures, but no signature', 'expires=9&sv=1&policy=a&sp=r'],
  ])('a query %s has none and stays as it is', (_, text) => {
    expect(querySignature(text)).toBeUndefined()
    expect(unsignedUrl(`https://h/a?${text}#b`)).toBe(`https://h/a?${text}#b`)
  })

  test.each(['never', '20261399T999999Z', ''])('a date that is none (%s) tells no end', (date) => {
    const signed = `X-Amz-Date=${date}&X-Amz-Expires=600&X-Amz-Signature=ab`
    expect(querySignature(signed)).toMatchObject({ endsAtMs: undefined })
  })

  test('goes, wherever it stands, and everything else stays byte for byte', () => {
    fc.assert(
      fc.property(query, query, (before, after) => {
        const others = [before, after].filter((text) => text !== '')
        const signed = [...others.slice(0, 1), amazon, ...others.slice(1)].join('&')
        expect(unsignedQuery(signed)).toBe(others.join('&'))
      }),
    )
  })

  test('parameters named besides go too', () => {
    expect(unsignedUrl('https://h/a?token=x&b=1&c', ['token', 'c'])).toBe('https://h/a?b=1')
  })

  test('no text makes it throw', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, name) => {
        querySignature(text)
        expect(unsignedUrl(text, [name]).length).toBeLessThanOrEqual(text.length)
      }),
    )
  })
})
