import type { HostId } from '@df/proto'
import { describe, expect, test } from 'vitest'
import { FetchPlanner } from './fetch-planner.ts'

const hostOf = (n: number) => n.toString(16).padStart(32, '0') as HostId
const seed = hostOf(999)
const KiB = 1024
const pieceSize = 256 * KiB

/** Plays a download in steps of 10 ms; stripe s gets `rates[s]` pieces per second. Gives what was reported, and when. */
function play(options: {
  rates: (now: number) => readonly number[]
  forMs: number
  pieces?: number
  parents?: readonly HostId[]
  limit?: (now: number) => number
}) {
  const { rates, forMs, pieces = 4000, parents = [1, 2, 3, 4].map(hostOf) } = options
  const planner = new FetchPlanner({
    geometry: { contentLength: pieces * pieceSize, pieceSize, stripes: 4 },
    has: () => false,
  })
  planner.setSeed(seed)
  planner.setPlan({ parents, spares: [] })
  const due = [0, 0, 0, 0]
  const got = [0, 0, 0, 0]
  const reports: { parent: HostId; now: number }[] = []
  let bps = 0
  for (let now = 0; now < forMs; now += 10) {
    planner.next({ now, urgent: [], bps, limitBps: 0 })
    bps = rates(now).reduce((sum, rate) => sum + rate, 0) * pieceSize
    for (const [stripe, rate] of rates(now).entries()) {
      due[stripe] = (due[stripe] ?? 0) + rate / 100
      while ((got[stripe] ?? 0) < Math.floor(due[stripe] ?? 0)) {
        planner.received((got[stripe] ?? 0) * 4 + stripe, now)
        got[stripe] = (got[stripe] ?? 0) + 1
      }
    }
    planner.next({ now, urgent: [], bps, limitBps: 0 })
    for (const { parent } of planner.slow(now)) reports.push({ parent, now })
  }
  return reports
}

describe('slow parents', () => {
  test('the parent of the one stripe that lags is reported within a second, and once a second', () => {
    const reports = play({ rates: () => [12, 12, 6, 12], forMs: 3500 })
    expect(new Set(reports.map(({ parent }) => parent))).toEqual(new Set([hostOf(3)]))
    const [first, second] = reports
    expect(first?.now).toBeLessThanOrEqual(1000)
    expect((second?.now ?? 0) - (first?.now ?? 0)).toBe(1000)
  })

  test('at a hundred times the rate it takes half a second', () => {
    const reports = play({ rates: () => [1200, 1200, 600, 1200], forMs: 900, pieces: 10_000 })
    expect(reports.map(({ parent }) => parent)).toEqual([hostOf(3)])
    expect(reports[0]?.now).toBeLessThanOrEqual(650)
  })

  test('a host whose own link is full, at whatever rate, reports nobody', () => {
    for (const rate of [0.5, 2, 12, 300]) {
      const uneven = (now: number) => [0, 1, 2, 3].map((s) => rate * (1 + 0.1 * Math.sin(now + s)))
      expect(play({ rates: uneven, forMs: 4000 })).toEqual([])
    }
  })

  test('a pause of everybody, or of one for a moment, is no fault', () => {
    const pause = (now: number) => (now > 1000 && now < 3000 ? [0, 0, 0, 0] : [12, 12, 12, 12])
    expect(play({ rates: pause, forMs: 4000 })).toEqual([])
    const hiccup = (now: number) => (now > 1000 && now < 1200 ? [0, 12, 12, 12] : [13, 12, 12, 12])
    expect(play({ rates: hiccup, forMs: 4000 })).toEqual([])
  })

  test('one stripe that runs ahead does not make the others slow', () => {
    expect(play({ rates: () => [30, 12, 12, 12], forMs: 3000 })).toEqual([])
  })

  test('two slow ones of four are both found', () => {
    const reports = play({ rates: () => [12, 6, 6, 12], forMs: 1500 })
    expect(new Set(reports.map(({ parent }) => parent))).toEqual(new Set([hostOf(2), hostOf(3)]))
  })

  test('the seed is not reported: the SuperNode knows its own copy', () => {
    const parents = [hostOf(1), hostOf(2), seed, hostOf(4)]
    expect(play({ rates: () => [12, 12, 3, 12], forMs: 2000, parents })).toEqual([])
  })

  test('a new parent of the stripe is given its own time', () => {
    const planner = new FetchPlanner({
      geometry: { contentLength: 400 * pieceSize, pieceSize, stripes: 4 },
      has: () => false,
    })
    planner.setPlan({ parents: [1, 2, 3, 4].map(hostOf), spares: [] })
    const next = (now: number) => planner.next({ now, urgent: [], bps: 0, limitBps: 0 })
    next(0)
    for (let index = 0; index < 100; index++) if (index % 4 > 0) planner.received(index, 0)
    expect(planner.slow(0)).toEqual([])
    planner.setPlan({ parents: [5, 2, 3, 4].map(hostOf), spares: [] })
    next(290)
    for (let index = 100; index < 120; index++) if (index % 4 > 0) planner.received(index, 290)
    expect(planner.slow(310)).toEqual([])
    for (let index = 120; index < 140; index++) if (index % 4 > 0) planner.received(index, 600)
    expect(planner.slow(609)).toEqual([])
    expect(planner.slow(610)).toEqual([{ parent: hostOf(5), stripe: 0 }])
  })
})
