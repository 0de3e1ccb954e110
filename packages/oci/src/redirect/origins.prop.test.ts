import { isAppError } from '@df/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RedirectOrigins, redirectedUrl } from './origins.ts'
import { storedBlob } from './storage-path.ts'

const hex = fc.stringMatching(/^[0-9a-f]{64}$/)
const pathOf = (name: string) => `/docker/registry/v2/blobs/sha256/${name.slice(0, 2)}/${name}/data`
const origins = new RedirectOrigins({
  origin: 'https://s3.test/bucket/root/',
  allow: ['storage.test', 'Minio.test:9000', '[::1]:80', 'my_bucket.s3.test', 'shared.test/mine/'],
})

function refusal(target: string, of = origins): { code: string; hint: string | undefined } {
  try {
    of.parse(target)
  } catch (error) {
    if (isAppError(error)) return { code: error.code, hint: error.hint }
  }
  throw new Error(`taken: ${target}`)
}

function originOrCode(target: string): string {
  try {
    return new URL(redirectedUrl(origins.parse(target))).origin
  } catch (error) {
    return isAppError(error) ? error.code : String(error)
  }
}

describe('a redirect by way of us', () => {
  test('names its origin in the path, and keeps path and query byte for byte', () => {
    const path = fc
      .webPath()
      .map((text) => `/${text.replace(/^\//, '')}`)
      .filter((text) => !/\/\.\.?(\/|$)/.test(text))
    const query = fc.webQueryParameters()
    const authority = fc.constantFrom(
      'storage.test',
      'minio.test:9000',
      '[::1]',
      'MY_bucket.s3.test',
      'shared.test/mine',
      's3.test/bucket/root',
    )
    fc.assert(
      fc.property(authority, path, query, (host, at, right) => {
        const question = right === '' ? '' : `?${right}`
        const scheme = host === '[::1]' ? 'http' : 'https'
        const target = origins.parse(`/origin/${scheme}/${host}${at}${question}`)
        expect(redirectedUrl(target)).toBe(`${scheme}://${host.toLowerCase()}${at}${question}`)
        expect(target).toMatchObject({ query: right, blob: undefined })
      }),
    )
  })

  test.each(['..%2f..%2fother/file', 'a%2F..%2F..%2fother', '..%5cother', '%2e%2e%2fother'])(
    'does not leave the path that is allowed by way of an escaped slash: %s',
    (path) => {
      expect(refusal(`/origin/https/shared.test/mine/${path}`).code).toBe('ORIGIN_REFUSED')
    },
  )

  test('may have escaped slashes below the path that is allowed', () => {
    const { path } = origins.parse('/origin/https/shared.test/mine/a%2Fb')
    expect(path).toBe('/mine/a%2Fb')
  })

  test('is below the configured origin when it is the bare path of a blob', () => {
    fc.assert(
      fc.property(hex, (name) => {
        const target = origins.parse(`${pathOf(name)}?X-Amz-Signature=a%2Fb`)
        expect(redirectedUrl(target)).toBe(
          `https://s3.test/bucket/root${pathOf(name)}?X-Amz-Signature=a%2Fb`,
        )
        expect(target).toMatchObject({ blob: `sha256:${name}`, origin: 'https://s3.test' })
      }),
    )
  })

  test('means the blob also where a bucket and a folder stand before its storage path', () => {
    const [name = ''] = fc.sample(hex, 1)
    const target = origins.parse(`/origin/http/storage.test/bucket/a%20folder${pathOf(name)}`)
    expect(target.blob).toBe(`sha256:${name}`)
  })

  test.each(['#', '?', '/../../x#', '\\..\\..\\open#'])(
    'means no blob by what the storage will not be asked for (%s)',
    (cut) => {
      const path = pathOf('c'.repeat(64))
      expect(origins.parse(`/origin/https/storage.test/open${cut}${path}`).blob).toBeUndefined()
      expect(refusal(`/docker/registry/v2/blobs/open${cut}${path}`).code).toBe('ROUTE_UNKNOWN')
    },
  )

  test.each([
    'https/storage.test',
    'ftp/storage.test/a',
    'https//a',
    'https/user@storage.test/a',
    'https/storage.test:99999/a',
    'https/storage.test%2fa/b',
    'https/sto\\rage.test/b',
    'https/storage.test.:/b',
  ])('/origin/%s names no origin', (rest) => {
    expect(refusal(`/origin/${rest}`).code).toBe('ROUTE_UNKNOWN')
  })

  test.each([
    'https/evil.test/a',
    'https/storage.test.evil.test/a',
    'https/xstorage.test/a',
    'https/storage.test:8443/a',
    'http/minio.test/a',
    'http/169.254.169.254/latest/meta-data',
    'http/0xa9fea9fe/latest',
    'http/s3.test/bucket/root',
    'https/s3.test/other/a',
    'https/s3.test/bucket/rootkit/a',
    'https/s3.test/bucket/root/../../other/a',
    'https/shared.test/other/a',
    'https/shared.test/mine/%2e%2e/other/a',
    'https/shared.test/minerals/a',
  ])('/origin/%s is refused: it is not listed', (rest) => {
    const { code, hint } = refusal(`/origin/${rest}`)
    expect(code).toBe('ORIGIN_REFUSED')
    expect(hint).toContain('--redirect.allow')
  })

  test('nothing is allowed that is not said, and the refusal names the setting', () => {
    const none = new RedirectOrigins({ allow: [] })
    const path = pathOf('a'.repeat(64))
    expect(refusal(path, none).hint).toContain('--redirect.origin')
    expect(refusal(`/origin/https/s3.test${path}`, none).hint).toContain('--redirect.allow s3.test')
  })

  test('whatever is asked, only listed origins are ever meant', () => {
    const listed = new Set([
      ...['https://storage.test', 'http://storage.test', 'https://my_bucket.s3.test'],
      ...['http://my_bucket.s3.test', 'https://minio.test:9000', 'http://minio.test:9000'],
      ...['http://[::1]', 'https://[::1]:80', 'https://s3.test'],
    ])
    const part = fc.constantFrom(
      ...['/', '//', '..', '%2e%2e', '@', ':', '\\', '?', '#', '%00', 'http', 'https', 'evil.test'],
      ...['storage.test', 's3.test', 'origin', 'docker/registry/v2/blobs', '443', '[::1]', ''],
    )
    const targets = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(
        targets,
        fc.constantFrom('/origin/', '/docker/registry/v2/blobs/'),
        (rest, root) => {
          const meant = originOrCode(root + rest)
          expect([...listed, 'ROUTE_UNKNOWN', 'ORIGIN_REFUSED']).toContain(meant)
        },
      ),
    )
  })

  test('an address longer than sessions carry is refused', () => {
    const long = `/origin/https/storage.test/${'a'.repeat(9000)}`
    expect(refusal(long).code).toBe('REQUEST_INVALID')
  })

  test.each([
    ['a URL to list', { allow: ['https://storage.test'] }],
    ['a query to list', { allow: ['storage.test/a?b'] }],
    ['no path of a URL to list', { allow: ['storage.test\\a'] }],
    ['nothing to list', { allow: [''] }],
    ['an origin without scheme', { allow: [], origin: 'storage.test' }],
    ['an origin with a query', { allow: [], origin: 'https://storage.test/?a=1' }],
  ])('%s is a wrong setting', (_, options) => {
    expect(() => new RedirectOrigins(options)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', hint: expect.stringMatching(/^\w/) }),
    )
  })
})

describe('the storage path of a blob', () => {
  test.each([
    ['another first folder', `/docker/registry/v2/blobs/sha256/ab/${'c'.repeat(64)}/data`],
    ['a short name', `/docker/registry/v2/blobs/sha256/cc/${'c'.repeat(63)}/data`],
    ['a link', `/docker/registry/v2/repositories/a/_layers/sha256/${'c'.repeat(64)}/link`],
    ['more behind it', `${pathOf('c'.repeat(64))}/x`],
    ['another algorithm', pathOf('c'.repeat(64)).replace('sha256', 'sha512')],
  ])('is not one with %s', (_, path) => {
    expect(storedBlob(path)).toBeUndefined()
    expect(refusal(path.replace(/repositories/, 'blobs')).code).toBe('ROUTE_UNKNOWN')
  })
})
