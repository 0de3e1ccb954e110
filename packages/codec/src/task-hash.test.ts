import { canonicalUrl, type Digest } from '@df/proto'
import { describe, expect, test } from 'vitest'
import { generationOf, isSameState, taskIdOf } from './task-hash.ts'

const digest = `sha256:${'0'.repeat(64)}` as Digest

describe('task ids', () => {
  test('a blob is its digest alone; fields of a URL task cannot run into each other', () => {
    const ids = [
      taskIdOf({ kind: 'blob', digest }),
      taskIdOf({ kind: 'url', canonicalUrl: 'https://h/a' }),
      taskIdOf({ kind: 'url', canonicalUrl: 'https://h/a', digest }),
      taskIdOf({ kind: 'url', canonicalUrl: 'https://h/a', tag: 'ab' }),
      taskIdOf({ kind: 'url', canonicalUrl: 'https://h/a', application: 'ab' }),
      taskIdOf({ kind: 'url', canonicalUrl: 'https://h/a', tag: 'a', application: 'b' }),
    ]
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('URLs that mean the same content have one canonical form', () => {
    const same = [
      'HTTPS://User:pw@Host:443/a?b=2&a=1#frag',
      'https://host/a?a=1&b=2&X-Amz-Signature=zz',
    ].map((url) => canonicalUrl(url, { filterQuery: ['X-Amz-Signature'] }))
    expect(new Set(same)).toEqual(new Set(['https://host/a?a=1&b=2']))
    expect(() => canonicalUrl('ftp://host/a')).toThrow(/http/)
  })

  test('a generation changes with the validators and is empty without any', () => {
    expect(generationOf({})).toBe('')
    const first = generationOf({ etag: '"a"', contentLength: 5 })
    expect(generationOf({ etag: 'W/"a"', contentLength: 5 })).toBe(first)
    expect(generationOf({ etag: '"b"', contentLength: 5 })).not.toBe(first)
    expect(generationOf({ lastModified: 'x', contentLength: 5 })).not.toBe(first)
  })
})

test('nobody knows whether an origin that tells nothing still has the same', () => {
  const known = generationOf({ etag: '"a"' })
  expect(isSameState(known, known)).toBe(true)
  expect(isSameState(known, generationOf({ etag: '"b"' }))).toBe(false)
  expect(isSameState('', generationOf({}))).toBe(false)
  expect(isSameState(known, undefined)).toBe(false)
})
