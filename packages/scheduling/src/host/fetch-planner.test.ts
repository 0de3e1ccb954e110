import type { HostId } from '@df/proto'
import { describe, expect, test } from 'vitest'
import { type FetchFacts, type FetchFailure, FetchPlanner } from './fetch-planner.ts'
import type { Fetch } from './open-fetches.ts'

const hostOf = (n: number) => n.toString(16).padStart(32, '0') as HostId
const seed = hostOf(999)
const parents = [1, 2, 3, 4].map(hostOf)
const spares = [5, 6].map(hostOf)
const KiB = 1024

function plannerOf(options: { pieces: number; stripes?: number; have?: number[] }) {
  const { pieces, stripes = 4 } = options
  const have = new Set(options.have)
  const planner = new FetchPlanner({
    geometry: { contentLength: pieces * KiB, pieceSize: KiB, stripes },
    has: (index) => have.has(index),
  })
  planner.setSeed(seed)
  planner.setPlan({ parents: parents.slice(0, stripes), spares })
  return planner
}

const at = (now: number, more: Partial<FetchFacts> = {}): FetchFacts => ({
  now,
  urgent: [],
  bps: 0,
  limitBps: 0,
  ...more,
})

const indexes = (fetches: readonly Fetch[], priority?: Fetch['priority']) =>
  fetches
    .filter((fetch) => priority === undefined || fetch.priority === priority)
    .map(({ index }) => index)

function fail(planner: FetchPlanner, host: HostId, failure: FetchFailure, now = 0) {
  const fetch = planner.next(at(now)).find(({ from }) => from === host)
  if (fetch === undefined) throw new Error('nothing was asked of that host')
  return planner.failed(fetch, failure, now)
}

describe('FetchPlanner', () => {
  test('at the start each stripe asks its parent for its next three pieces, oldest first', () => {
    const fetches = plannerOf({ pieces: 100 }).next(at(0))
    expect(indexes(fetches)).toEqual([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    for (const { index, from, priority } of fetches) {
      expect(from).toBe(hostOf((index % 4) + 1))
      expect(priority).toBe('tree')
    }
  })

  test('an arrival is followed by the next piece of its stripe, and nothing else', () => {
    const planner = plannerOf({ pieces: 100 })
    const fetch = planner.next(at(0)).find(({ index }) => index === 5)
    if (fetch !== undefined) planner.closed(fetch)
    expect(planner.received(5, 1)).toEqual([])
    expect(indexes(planner.next(at(1)))).toEqual([13])
    expect(planner.firstMissing).toBe(0)
    expect(planner.newest).toBe(5)
  })

  test('nothing is asked before there is a plan, nor when all is here', () => {
    const planner = new FetchPlanner({
      geometry: { contentLength: 4 * KiB, pieceSize: KiB, stripes: 1 },
      has: () => false,
    })
    expect(planner.next(at(0))).toEqual([])
    expect(plannerOf({ pieces: 3, have: [0, 1, 2] }).next(at(0))).toEqual([])
  })

  test('a piece that comes from elsewhere ends the requests for it', () => {
    const planner = plannerOf({ pieces: 100 })
    const asked = planner.next(at(0)).find(({ index }) => index === 4)
    expect(planner.received(4, 1)).toEqual([asked])
    expect(planner.received(4, 2)).toEqual([])
    expect(indexes(planner.next(at(2)))).toEqual([12])
  })

  test('a stripe whose parent is lost is asked of somebody else; of the seed when nobody is left', () => {
    const planner = plannerOf({ pieces: 100 })
    const lost = fail(planner, hostOf(1), 'lost')
    expect(lost.report).toBe('lost')
    expect(indexes(lost.abort).toSorted((a, b) => a - b)).toEqual([4, 8])
    const instead = planner.next(at(1))
    expect(indexes(instead)).toEqual([0, 4, 8])
    expect(instead.map(({ from }) => from)).not.toContain(hostOf(1))
    const left = plannerOf({ pieces: 100 })
    const failing = { index: 0, priority: 'tree' as const }
    for (const host of [...parents, ...spares]) left.failed({ ...failing, from: host }, 'lost', 0)
    expect(new Set(left.next(at(0)).map(({ from }) => from))).toEqual(new Set([seed]))
    left.failed({ ...failing, from: seed }, 'lost', 1)
    expect(left.next(at(1))).toEqual([])
    expect(indexes(left.next(at(502)))).toHaveLength(12)
  })

  test('a lost host is left alone for 5 s, and reported once a second', () => {
    const planner = plannerOf({ pieces: 100 })
    const lost = { index: 0, from: hostOf(1), priority: 'tree' as const }
    expect(planner.failed(lost, 'lost', 0)).toMatchObject({ report: 'lost', againAt: 5000 })
    expect(planner.failed(lost, 'lost', 999).report).toBeUndefined()
    expect(planner.failed(lost, 'lost', 1000).report).toBe('lost')
    const stripe0 = planner.next(at(5999)).filter(({ index }) => index % 4 === 0)
    expect(stripe0.map(({ from }) => from)).not.toContain(hostOf(1))
    for (const fetch of stripe0) planner.closed(fetch)
    expect(planner.next(at(6000)).map(({ from }) => from)).toContain(hostOf(1))
  })

  test('a host that served wrong bytes is reported and never asked again', () => {
    const planner = plannerOf({ pieces: 100 })
    const bad = fail(planner, hostOf(2), 'invalid')
    expect(bad.report).toBe('bad')
    expect(bad.abort.every(({ from }) => from === hostOf(2))).toBe(true)
    expect(planner.next(at(1e9)).map(({ from }) => from)).not.toContain(hostOf(2))
  })

  test('a busy host is no fault: it is left alone for a moment, its other requests stand', () => {
    const planner = plannerOf({ pieces: 100 })
    const busy = fail(planner, hostOf(1), 'busy')
    expect(busy).toEqual({ abort: [], againAt: 60 })
    expect(planner.next(at(1)).map(({ from }) => from)).not.toContain(hostOf(1))
  })

  test('a parent that does not have the piece yet is asked again, though not at once', () => {
    const planner = plannerOf({ pieces: 100 })
    const { report, againAt = 0 } = fail(planner, hostOf(1), 'not-yet')
    expect(report).toBeUndefined()
    expect(planner.next(at(0)).filter(({ index }) => index === 0)).toEqual([])
    const later = plannerOf({ pieces: 1, stripes: 1 })
    fail(later, hostOf(1), 'not-yet')
    expect(later.next(at(0))).toEqual([])
    expect(later.next(at(againAt))).toMatchObject([{ index: 0, from: hostOf(1) }])
  })

  test('a parent that will not have the piece is as good as lost; a neighbour asked for a repair is not', () => {
    const planner = plannerOf({ pieces: 100 })
    expect(fail(planner, hostOf(1), 'absent').report).toBe('lost')
    const repair = { index: 0, from: hostOf(5), priority: 'repair' as const }
    expect(planner.failed(repair, 'absent', 0).report).toBeUndefined()
  })

  test('a new plan ends what is open at former parents, of the host and of the stripe, and nothing else', () => {
    const planner = plannerOf({ pieces: 100 })
    planner.next(at(0))
    const changed = [hostOf(7), hostOf(2), hostOf(2), hostOf(4)]
    const aborted = planner.setPlan({ parents: changed, spares })
    expect(indexes(aborted).toSorted((a, b) => a - b)).toEqual([0, 2, 4, 6, 8, 10])
    const again = planner.next(at(1))
    expect(indexes(again)).toEqual([0, 4, 8, 2, 6, 10])
    expect(new Set(again.map(({ from }) => from))).toEqual(new Set([hostOf(7), hostOf(2)]))
    expect(planner.setPlan({ parents: changed, spares: [] })).toEqual([])
    const swapped = planner.setPlan({ parents: changed.toReversed(), spares })
    expect(indexes(swapped).toSorted((a, b) => a - b)).toEqual([0, 3, 4, 7, 8, 11])
  })

  test('a stripe that is far behind the others keeps more requests open, and they one', () => {
    const others = Array.from({ length: 40 }, (_, index) => index).filter((index) => index % 4 > 0)
    const fetches = plannerOf({ pieces: 100, have: others }).next(at(0))
    expect(indexes(fetches, 'tree').filter((index) => index % 4 === 0)).toHaveLength(8)
    expect(indexes(fetches, 'tree').filter((index) => index % 4 === 1)).toHaveLength(1)
  })

  describe('readers', () => {
    test('what a reader waits for goes first', () => {
      const fetches = plannerOf({ pieces: 400 }).next(at(0, { urgent: [{ start: 201, end: 209 }] }))
      const urgent = indexes(fetches, 'urgent').toSorted((a, b) => a - b)
      expect(urgent).toEqual([201, 202, 203, 204, 205, 206, 207, 208])
      expect(fetches).toHaveLength(12)
    })

    test('one who reads in order is served by the order of the trees', () => {
      for (const stripes of [1, 4]) {
        const planner = plannerOf({ pieces: 400, stripes })
        const fetches = planner.next(at(0, { urgent: [{ start: 0, end: 8 }] }))
        expect(indexes(fetches, 'urgent')).toEqual([])
        expect(indexes(fetches)).toContain(0)
      }
    })

    test('pieces got ahead for a reader do not make the stripes look late', () => {
      const fetches = plannerOf({ pieces: 400, have: [300, 301, 302, 303] }).next(at(0))
      expect(indexes(fetches, 'repair')).toEqual([])
      expect(fetches).toHaveLength(12)
    })
  })

  describe('repairs', () => {
    const others = Array.from({ length: 60 }, (_, index) => index).filter((index) => index % 4 > 0)

    test('begin when a stripe lags by twelve rounds, oldest first, at neighbours, the seed last', () => {
      const planner = plannerOf({ pieces: 100, have: others })
      const repairs = planner.next(at(0)).filter(({ priority }) => priority === 'repair')
      expect(indexes(repairs)).toEqual([0, 4, 8, 12])
      for (const { from } of repairs) expect([hostOf(1), seed]).not.toContain(from)
      for (let now = 20; ; now += 20) {
        for (const repair of repairs) planner.failed(repair, 'not-yet', now)
        repairs.splice(0)
        repairs.push(...planner.next(at(now)).filter(({ priority }) => priority === 'repair'))
        if (repairs.some(({ from }) => from === seed)) break
        expect(now).toBeLessThan(200)
        expect(repairs.length).toBeGreaterThan(0)
      }
    })

    test('are for the stripe that lags only, and not for a smaller lag', () => {
      const short = others.filter((index) => index < 44)
      expect(indexes(plannerOf({ pieces: 100, have: short }).next(at(0)), 'repair')).toEqual([])
      const gap = others.filter((index) => index !== 5)
      const repairs = indexes(plannerOf({ pieces: 100, have: gap }).next(at(0)), 'repair')
      expect(repairs).toEqual([0, 4, 8, 12])
    })

    test('at a high rate the lag is measured in time: 60 ms', () => {
      const have = others
      const bps = (100 * KiB * 1000) / 60
      const planner = plannerOf({ pieces: 100, have })
      expect(indexes(planner.next(at(0, { bps })), 'repair')).toEqual([])
      expect(indexes(planner.next(at(30, { bps: bps / 2 })), 'repair')).toHaveLength(4)
    })

    test('wait while the downlink is busy', () => {
      const planner = plannerOf({ pieces: 100, have: others })
      const busy = at(0, { bps: 95 * KiB, limitBps: 100 * KiB })
      expect(indexes(planner.next(busy), 'repair')).toEqual([])
      expect(indexes(planner.next({ ...busy, bps: 80 * KiB }), 'repair')).toHaveLength(4)
    })

    test('whichever request brings the piece ends the other', () => {
      const planner = plannerOf({ pieces: 100, have: others })
      const both = planner.next(at(0)).filter(({ index }) => index === 0)
      expect(both.map(({ priority }) => priority).toSorted()).toEqual(['repair', 'tree'])
      const repair = both.find(({ priority }) => priority === 'repair')
      if (repair !== undefined) planner.closed(repair)
      expect(planner.received(0, 1)).toMatchObject([{ index: 0, priority: 'tree' }])
    })

    test('the last pieces are asked elsewhere when nothing else is left and they do not come', () => {
      const have = Array.from({ length: 100 }, (_, index) => index).filter((index) => index !== 93)
      const planner = plannerOf({ pieces: 100, have })
      expect(indexes(planner.next(at(0)), 'repair')).toEqual([])
      expect(indexes(planner.next(at(249)), 'repair')).toEqual([])
      expect(indexes(planner.next(at(250)), 'repair')).toEqual([93])
    })
  })
})
