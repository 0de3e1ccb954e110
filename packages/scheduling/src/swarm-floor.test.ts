import { expect, it } from 'vitest'
import { type LinkRates, swarmFloor } from './swarm-floor.ts'

const link = (upBps?: number, downBps = upBps): LinkRates => ({ upBps, downBps })
const equal = { sizeBytes: 1000, seedBps: 200, holders: [], fetchers: [link(100), link(100)] }

it('is the slowest of: the seed, the slowest host, what all can send together', () => {
  expect(swarmFloor(equal)).toMatchObject({ ms: 10_000, lacks: [] })
  expect(swarmFloor({ ...equal, seedBps: 50 }).ms).toBe(20_000)
  const fetchers = Array.from({ length: 8 }, () => link(10, 100))
  expect(swarmFloor({ ...equal, fetchers }).ms).toBeCloseTo(28_571, 0)
})

it('of one host is of its own link and what all share', () => {
  const mixed = swarmFloor({ ...equal, fetchers: [link(100), link(25)] })
  expect(mixed.ms).toBe(40_000)
  expect([mixed.hostMs(100), mixed.hostMs(25), mixed.hostMs(undefined)]).toEqual([
    10_000, 40_000, 6153.846153846154,
  ])
})

it('hosts that have it send beside the seed', () => {
  expect(swarmFloor({ ...equal, seedBps: 10, holders: [link(990)] }).ms).toBe(10_000)
})

it('is of the rates that are known, and says which are not', () => {
  const fetchers = [link(undefined, 50), link()]
  expect(swarmFloor({ ...equal, seedBps: undefined, fetchers })).toMatchObject({
    ms: 20_000,
    lacks: ["the seed's rate", 'the up rate of 2 of 2 hosts', 'the down rate of 1 of 2 hosts'],
  })
})

it('is not known when no rate is', () => {
  const floor = swarmFloor({ ...equal, seedBps: undefined, fetchers: [link()] })
  expect(floor.ms).toBeUndefined()
  expect(floor.hostMs(undefined)).toBeUndefined()
})
