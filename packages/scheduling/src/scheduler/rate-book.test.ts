import { describe, expect, it } from 'vitest'
import { RateBook } from './rate-book.ts'
import { hostId } from './test-support/model.ts'

const a = hostId(1)

/** A fleet of which most hosts have 10 MB/s. */
function fleet(): RateBook {
  const book = new RateBook()
  for (let host = 10; host < 30; host++) {
    book.up(hostId(host), {})
    book.measured(hostId(host), 10e6, 0)
  }
  book.up(a, {})
  return book
}

describe('what is believed of a host', () => {
  it('is nothing while nothing is known, and less than is typical is no news', () => {
    const book = fleet()
    expect(book.of(a)).toMatchObject({ upBps: undefined, downBps: undefined })
    expect(book.measured(a, 3e6, 0)).toBe(false)
    expect(book.of(a)).toMatchObject({ upBps: undefined, downBps: undefined })
  })

  it('is what it was seen to receive, when that is more', () => {
    const book = fleet()
    expect(book.measured(a, 50e6, 0)).toBe(true)
    expect(book.of(a)).toMatchObject({ upBps: 50e6, downBps: 50e6 })
    expect(book.measured(a, 20e6, 1)).toBe(false)
    expect(book.of(a)).toMatchObject({ downBps: 50e6 })
  })

  it('is typical while it received little more: that is noise', () => {
    const book = fleet()
    expect(book.measured(a, 13e6, 0)).toBe(false)
    expect(book.of(a)).toMatchObject({ upBps: undefined, downBps: undefined })
  })

  it('is no more than ten times what is typical, whatever the host says: all would hang on it', () => {
    const book = fleet()
    book.up(a, { upBps: 1e12, downBps: 1e12 })
    expect(book.of(a).upBps).toBeLessThan(11 * 10e6)
    book.up(a, {})
    book.measured(a, 1e12, 0)
    expect(book.of(a).downBps).toBeLessThan(11 * 10e6)
    expect(book.of(a).downBps).toBeGreaterThan(9 * 10e6)
  })

  it('is never above its own limits, which are known from the start', () => {
    const book = new RateBook()
    book.up(a, { upBps: 1e6, downBps: 2e6 })
    expect(book.of(a)).toMatchObject({ upBps: 1e6, downBps: 2e6 })
    book.measured(a, 9e6, 0)
    expect(book.of(a)).toMatchObject({ upBps: 1e6, downBps: 2e6 })
  })

  it('is a part of what is typical once it was found slow, also after its session, and follows it', () => {
    const book = fleet()
    expect(book.foundSlow(a, 0.5, 10)).toBe(true)
    expect(book.foundSlow(a, 0.7, 20)).toBe(false)
    book.up(a, {})
    expect((book.of(a).downBps ?? 0) / 10e6).toBeCloseTo(0.5, 1)
    for (let host = 10; host < 30; host++) book.measured(hostId(host), 40e6, 30)
    expect((book.of(a).downBps ?? 0) / 40e6).toBeCloseTo(0.5, 1)
    expect(book.slowHosts()).toEqual([a])
    expect(book.measured(a, 40e6, 100)).toBe(false)
    expect(book.measured(a, 40e6, 130_000)).toBe(true)
    expect(book.slowHosts()).toEqual([])
  })

  it('of a host never heard of is nothing', () => {
    const book = new RateBook()
    expect(book.measured(a, 1e6, 0)).toBe(false)
    expect(book.foundSlow(a, 0.5, 0)).toBe(false)
    expect(book.of(a)).toEqual({ upBps: undefined, downBps: undefined, location: [] })
  })
})

it('the typical rate is one that a quarter of the hosts reach', () => {
  const book = new RateBook()
  for (let host = 0; host < 10; host++) {
    book.up(hostId(host), { downBps: host < 6 ? 10e6 : 80e6 })
  }
  expect(book.typicalBps / 80e6).toBeCloseTo(1, 0)
  book.trim(() => false)
  expect(book.typicalBps / 80e6).toBeCloseTo(1, 0)
})
