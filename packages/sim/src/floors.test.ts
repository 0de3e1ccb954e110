import { expect, it } from 'vitest'
import { fleetFloorMs, granularFloorMs, hostFloorMs } from './floors.ts'

const host = (bps: number) => ({ upBps: bps, downBps: bps })

it('the floor is the slowest of: the seed, the slowest host, what all can send together', () => {
  const equal = { sizeBytes: 1000, seedRateBps: 200, hosts: [host(100), host(100)] }
  expect(fleetFloorMs(equal)).toBe(10_000)
  expect(fleetFloorMs({ ...equal, seedRateBps: 50 })).toBe(20_000)
  const sparse = { upBps: 10, downBps: 100 }
  const hosts = Array.from({ length: 8 }, () => sparse)
  // 8 × 1000 bytes from a seed of 200 and eight hosts of 10.
  expect(fleetFloorMs({ sizeBytes: 1000, seedRateBps: 200, hosts })).toBeCloseTo(28_571, 0)
})

it("a slow host's own floor does not count for others", () => {
  const facts = { sizeBytes: 1000, seedRateBps: 200, hosts: [host(100), host(25)] }
  expect(hostFloorMs(facts, 100)).toBe(10_000)
  expect(hostFloorMs(facts, 25)).toBe(40_000)
})

it('whole pieces cost one piece time more for each doubling', () => {
  const facts = {
    sizeBytes: 1000,
    seedRateBps: 200,
    hosts: Array.from({ length: 8 }, () => host(100)),
  }
  expect(granularFloorMs(facts, 10)).toBe(10_300)
})
