import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultServeOrderOptions, ServeOrder, serveKey } from './serve-order.ts'

/** Starts all that there is room for. */
function start<T>(order: ServeOrder<T>, facts: Parameters<ServeOrder<T>['take']>[0]): T[] {
  const started: T[] = []
  for (let item = order.take(facts); item !== undefined; item = order.take(facts)) {
    started.push(item)
  }
  return started
}

const upBps = 1000

let receivers = 0
/** Somebody who is sent nothing else. */
const somebody = (now: number) => ({ receiver: `${receivers++}`, now })

describe('ServeOrder', () => {
  test('the smallest key goes next, in order of arrival among equals', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (keys) => {
        const order = new ServeOrder<{ key: number; at: number }>({
          ...defaultServeOrderOptions,
          slots: 1,
        })
        for (const [at, key] of keys.entries()) order.enqueue(key, { key, at }, somebody(at))
        const served: { key: number; at: number }[] = []
        for (let next = order.take({ now: 0 }); next; next = order.take({ now: 0 })) {
          served.push(next)
          order.finished(next, 0)
        }
        expect(served).toEqual(served.toSorted((a, b) => a.key - b.key || a.at - b.at))
        expect(served).toHaveLength(keys.length)
      }),
    )
  })

  test('pieces that a reader waits for come first, then the oldest, repairs last', () => {
    const order = new ServeOrder<string>({ ...defaultServeOrderOptions, slots: 1 })
    order.enqueue(serveKey('repair', 0), 'repair', somebody(0))
    order.enqueue(serveKey('tree', 900_000_000), 'new', somebody(0))
    order.enqueue(serveKey('tree', 3), 'old', somebody(0))
    order.enqueue(serveKey('urgent', 500), 'urgent', somebody(0))
    const served: string[] = []
    for (let next = order.take({ now: 0 }); next; next = order.take({ now: 0 })) {
      served.push(next)
      order.finished(next, 0)
    }
    expect(served).toEqual(['urgent', 'old', 'new', 'repair'])
  })

  test('four run at once; sixteen while they do not fill a link whose rate is known', () => {
    const order = new ServeOrder<number>()
    for (let item = 0; item < 40; item++) order.enqueue(item, item, somebody(0))
    expect(start(order, { now: 0 })).toEqual([0, 1, 2, 3])
    expect(start(order, { now: 0, sentBps: 10 })).toEqual([])
    expect(start(order, { now: 0, upBps })).toEqual([])
    expect(start(order, { now: 0, sentBps: 0.94 * upBps, upBps })).toEqual([])
    expect(start(order, { now: 0, sentBps: 0.92 * upBps, upBps })).toHaveLength(12)
    expect(order.running).toBe(16)
    expect(order.waiting).toBe(24)
  })

  test('slow receivers hold no slot; all together are bounded', () => {
    const order = new ServeOrder<number>({ ...defaultServeOrderOptions, maxSends: 10 })
    for (let item = 0; item < 40; item++) order.enqueue(item, item, somebody(0))
    expect(start(order, { now: 0 })).toHaveLength(4)
    expect(start(order, { now: 249 })).toHaveLength(0)
    expect(start(order, { now: 250 })).toHaveLength(4)
    expect(start(order, { now: 500 })).toHaveLength(2)
    order.finished(0, 0)
    order.finished(0, 0)
    expect(start(order, { now: 1000 })).toHaveLength(1)
  })

  test('who is sent nothing comes before who is, though its piece is newer; repairs wait all the same', () => {
    const order = new ServeOrder<string>({ ...defaultServeOrderOptions, slots: 2 })
    for (const index of [1, 2, 3]) {
      order.enqueue(serveKey('tree', index), `slow ${index}`, { receiver: 'slow', now: 0 })
    }
    order.enqueue(serveKey('tree', 50), 'fast 50', { receiver: 'fast', now: 0 })
    order.enqueue(serveKey('repair', 0), 'repair', { receiver: 'third', now: 0 })
    expect(start(order, { now: 0 })).toEqual(['slow 1', 'fast 50'])
    order.enqueue(serveKey('tree', 54), 'fast 54', { receiver: 'fast', now: 0 })
    order.finished('fast 50', 0)
    expect(start(order, { now: 0 })).toEqual(['fast 54'])
    order.finished('fast 54', 0)
    expect(start(order, { now: 0 })).toEqual(['slow 2'])
    order.finished('slow 1', 0)
    order.finished('slow 2', 0)
    expect(start(order, { now: 0 })).toEqual(['slow 3', 'repair'])
  })

  test('a send that takes four times as long as the quickest of late holds no slot', () => {
    const order = new ServeOrder<number>({ ...defaultServeOrderOptions, slots: 1 })
    for (let item = 0; item < 16; item++) {
      order.enqueue(0, item, somebody(item * 10))
      expect(start(order, { now: item * 10 })).toEqual([item])
      order.finished(item, item * 10 + 5)
    }
    order.enqueue(0, 100, somebody(1000))
    order.enqueue(0, 101, somebody(1000))
    expect(start(order, { now: 1000 })).toEqual([100])
    expect(order.nextDueMs(1000)).toBe(20)
    expect(start(order, { now: 1019 })).toEqual([])
    expect(start(order, { now: 1020 })).toEqual([101])
  })

  test('who waited too long is told; who left is forgotten', () => {
    const order = new ServeOrder<string>({ ...defaultServeOrderOptions, slots: 0, maxWaitMs: 100 })
    order.enqueue(5, 'a', somebody(0))
    order.enqueue(1, 'b', somebody(10))
    order.enqueue(9, 'c', somebody(20))
    expect(order.remove('c')).toBe(true)
    expect(order.remove('c')).toBe(false)
    expect(order.nextDueMs(40)).toBe(60)
    expect(order.expired(99)).toEqual([])
    expect(order.expired(110)).toEqual(['a', 'b'])
    expect(order.waiting).toBe(0)
    expect(order.nextDueMs(200)).toBeUndefined()
  })

  test('while some wait, the next that runs too long to count is due', () => {
    const order = new ServeOrder<number>({ ...defaultServeOrderOptions, slots: 1 })
    order.enqueue(0, 0, somebody(0))
    start(order, { now: 0 })
    expect(order.nextDueMs(100)).toBeUndefined()
    order.enqueue(1, 1, somebody(100))
    expect(order.nextDueMs(100)).toBe(150)
    expect(start(order, { now: 250 })).toEqual([1])
  })

  test('urgent sends take a tenth of the starts while others wait, and all when nobody does', () => {
    const order = new ServeOrder<string>({ ...defaultServeOrderOptions, slots: 1 })
    for (let at = 0; at < 300; at++) {
      order.enqueue(serveKey('urgent', at), `urgent ${at}`, somebody(0))
      order.enqueue(serveKey('tree', at), `tree ${at}`, somebody(0))
    }
    let urgent = 0
    for (let at = 0; at < 300; at++) {
      const next = order.take({ now: 0 })
      if (next === undefined) throw new Error('a send was there')
      if (next.startsWith('urgent')) urgent++
      order.finished(next, 0)
    }
    expect(urgent).toBeGreaterThanOrEqual(29)
    expect(urgent).toBeLessThanOrEqual(31)
    const only = new ServeOrder<number>()
    for (let at = 0; at < 20; at++) only.enqueue(serveKey('urgent', at), at, somebody(0))
    for (let at = 0; at < 20; at++) {
      expect(only.take({ now: 0 })).toBe(at)
      only.finished(at, 0)
    }
  })

  test('whatever comes and goes: each starts at most once, a free slot is never left while one waits', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('come' as const), key: fc.integer({ min: -1, max: 30 }) }),
      fc.record({ kind: fc.constantFrom('leave' as const, 'finish' as const), pick: fc.nat() }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(400) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const order = new ServeOrder<number>()
        const waiting = new Set<number>()
        const running = new Set<number>()
        let now = 0
        let last = 0
        for (const change of steps) {
          if (change.kind === 'wait') now += change.ms
          else if (change.kind === 'come') {
            order.enqueue(change.key, ++last, somebody(now))
            waiting.add(last)
          } else {
            const set = change.kind === 'leave' ? waiting : running
            const item = [...set][change.pick % Math.max(1, set.size)]
            if (item === undefined) continue
            set.delete(item)
            if (change.kind === 'leave') order.remove(item)
            else order.finished(item, 0)
          }
          for (const item of order.expired(now)) expect(waiting.delete(item)).toBe(true)
          for (const item of start(order, { now })) {
            expect(waiting.delete(item)).toBe(true)
            running.add(item)
          }
          expect(order.waiting).toBe(waiting.size)
          expect(order.running).toBe(running.size)
          expect(waiting.size === 0 || running.size >= 4).toBe(true)
          expect(waiting.size > 0).toBe(order.nextDueMs(now) !== undefined)
        }
      }),
    )
  })
})
