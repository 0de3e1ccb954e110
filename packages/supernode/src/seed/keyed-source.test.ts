import type { TaskId } from '@df/proto'
import { describe, expect, it } from 'vitest'
import { GenerationBook } from './generation-book.ts'
import { keyedSource } from './keyed-source.ts'

describe('the key of a source', () => {
  const url = 'https://registry.test/v2/a/blobs/x?token=secret'

  it('is the same for the same URL and headers, in any order and case', () => {
    const one = keyedSource({ url, headers: { Authorization: 'a', accept: 'b' } })
    const other = keyedSource({ url, headers: { Accept: 'b', authorization: 'a' } })
    expect(one.key).toBe(other.key)
    expect(one.host).toBe('https://registry.test')
  })

  it('differs with URL, name or value, and shows none of them', () => {
    const sources = [
      { url },
      { url: `${url}2` },
      { url, headers: { a: 'bc' } },
      { url, headers: { ab: 'c' } },
      { url, headers: { a: 'b', c: '' } },
    ]
    const keys = sources.map((source) => keyedSource(source).key)
    expect(new Set(keys).size).toBe(sources.length)
    expect(keys.join()).not.toContain('secret')
  })
})

describe('a generation book', () => {
  const task = (n: number) => n.toString(16).padStart(64, '0') as TaskId

  it('gives a blob another generation after each wrong reading', () => {
    const book = new GenerationBook()
    expect(book.of(task(1))).toBe('')
    book.renew(task(1))
    const second = book.of(task(1))
    expect(second).toMatch(/^[0-9a-f]{24}$/)
    book.renew(task(1))
    expect(book.of(task(1))).not.toBe(second)
    expect(book.of(task(2))).toBe('')
  })

  it('forgets the oldest of very many', () => {
    const book = new GenerationBook()
    for (let n = 0; n <= 10_000; n++) book.renew(task(n))
    expect(book.of(task(0))).toBe('')
    expect(book.of(task(1))).not.toBe('')
  })
})
