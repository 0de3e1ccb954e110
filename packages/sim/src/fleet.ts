import type { HostId } from '@df/proto'
import { createSeededRandom, nextRandom, type SeededRandom } from '@df/scheduling'
import type { Scenario, Share } from './scenario.ts'

/** What one host of a run is like, and what becomes of it. */
export interface HostProfile {
  readonly id: HostId
  readonly upBps: number
  readonly downBps: number
  /** Whether it tells the SuperNode its rates. */
  readonly isRateKnown: boolean
  readonly zone: number
  /** Half of its part in the round trips of its pairs, ms. */
  readonly latencyMs: number
  readonly joinAtMs: number
  readonly isSlow: boolean
  readonly isCorrupt: boolean
  readonly isSeed: boolean
  readonly dies: { atMs: number; way: 'killed' | 'cut' } | undefined
  readonly changes: { atMs: number; factor: number } | undefined
}

function hostIdOf(index: number): HostId {
  return index.toString(16).padStart(32, '0') as HostId // 32 hexadecimal digits, as HostIdSchema asks
}

/** The hosts of a scenario, in the order of their numbers. */
export function buildFleet(scenario: Scenario): HostProfile[] {
  const random = createSeededRandom(scenario.seed)
  const { hosts: count, slow, corrupt, deaths, changing, latencyMs, zones, rateBps } = scenario
  const isSlow = choose(random, count, slow?.share ?? 0)
  const isCorrupt = choose(random, count, corrupt?.share ?? 0)
  const isDying = choose(random, count, deaths?.share ?? 0)
  const isChanging = choose(random, count, changing?.share ?? 0)
  const joinTimes = joinTimesOf(scenario, random)
  const all = Array.from({ length: count + (scenario.seeds ?? 0) }, (_, index) => index)
  return all.map((index) => {
    const isSeed = index >= count
    const slowness = slow !== undefined && isSlow[index] === true ? slow.factor : 1
    return {
      id: hostIdOf(index + 1),
      upBps: rateBps * slowness,
      downBps: rateBps * slowness,
      isRateKnown: slowness === 1 ? scenario.isRateKnown : (slow?.isKnown ?? false),
      zone: zones === undefined ? 0 : index % zones.count,
      latencyMs: (latencyMs[0] + nextRandom(random) * (latencyMs[1] - latencyMs[0])) / 2,
      joinAtMs: isSeed ? 0 : (joinTimes[index] ?? 0),
      isSlow: slowness !== 1,
      isCorrupt: isCorrupt[index] === true,
      isSeed,
      dies:
        deaths !== undefined && isDying[index] === true
          ? { atMs: nextRandom(random) * deaths.withinMs, way: deaths.way }
          : undefined,
      changes:
        changing !== undefined && isChanging[index] === true
          ? { atMs: changing.atMs, factor: changing.factor }
          : undefined,
    }
  })
}

/** The SuperNode's own copy, as one more host. */
export function seedProfile({ seedRateBps, latencyMs }: Scenario): HostProfile {
  return {
    id: hostIdOf(0),
    upBps: seedRateBps,
    downBps: seedRateBps,
    isRateKnown: true,
    zone: 0,
    latencyMs: latencyMs[0] / 2,
    joinAtMs: 0,
    isSlow: false,
    isCorrupt: false,
    isSeed: true,
    dies: undefined,
    changes: undefined,
  }
}

function joinTimesOf({ joins, hosts }: Scenario, random: SeededRandom): number[] {
  let at = 0
  return Array.from({ length: hosts }, (_, index) => {
    if (joins.way === 'rolling') return (joins.overMs * index) / hosts
    if (joins.way === 'at-once') return 0
    at -= (1000 / joins.perSecond) * Math.log(1 - nextRandom(random))
    return at
  })
}

function choose(random: SeededRandom, count: number, share: Share): boolean[] {
  const chosen = Array.from({ length: count }, (_, index) => index < Math.round(share * count))
  for (let index = count - 1; index > 0; index--) {
    const other = Math.floor(nextRandom(random) * (index + 1))
    const kept = chosen[index] === true
    chosen[index] = chosen[other] === true
    chosen[other] = kept
  }
  return chosen
}
