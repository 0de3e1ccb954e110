import { describe, expect, it } from 'vitest'
import { RateBook } from './rate-book.ts'
import { hostId } from './test-support/model.ts'

const a = hostId(1)

describe('what is believed of a host', () => {
  it('rises with what is measured, and does not fall with it', () => {
    const book = new RateBook()
    book.up(a, {})
    expect(book.of(a)).toMatchObject({ upBps: undefined, downBps: undefined })
    expect(book.measured(a, { downBps: 5e6 }, 0)).toBe(true)
    expect(book.measured(a, { downBps: 3e6 }, 1)).toBe(false)
    expect(book.of(a)).toMatchObject({ upBps: undefined, downBps: 5e6 })
  })

  it('is never above its own limits, which are known from the start', () => {
    const book = new RateBook()
    book.up(a, { upBps: 1e6, downBps: 2e6 })
    expect(book.of(a)).toMatchObject({ upBps: 1e6, downBps: 2e6 })
    book.measured(a, { upBps: 9e6, downBps: 9e6 }, 0)
    expect(book.of(a)).toMatchObject({ upBps: 1e6, downBps: 2e6 })
  })

  it('is halved when it is found slow, and stays after its session', () => {
    const book = new RateBook()
    book.up(a, {})
    book.measured(a, { upBps: 8e6, downBps: 8e6 }, 0)
    book.foundSlow(a, 10)
    book.up(a, {})
    expect(book.of(a)).toMatchObject({ upBps: 4e6, downBps: 4e6 })
    expect(book.measured(a, { downBps: 8e6 }, 100)).toBe(false)
    expect(book.measured(a, { downBps: 8e6 }, 130_000)).toBe(true)
  })

  it('of a host never heard of is nothing', () => {
    expect(new RateBook().measured(a, { upBps: 1 }, 0)).toBe(false)
  })
})

describe('the typical rate', () => {
  it('is that of most hosts', () => {
    const book = new RateBook()
    for (let host = 0; host < 10; host++) {
      book.up(hostId(host), { downBps: host < 6 ? 10e6 + host * 1000 : 80e6 })
    }
    expect(book.typicalBps).toBeCloseTo(10e6, -5)
    book.trim(() => false)
    expect(book.typicalBps).toBeCloseTo(10e6, -5)
  })
})
