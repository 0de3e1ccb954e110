import { swarmFloor } from '@df/scheduling'
import type { HostProfile } from './fleet.ts'

export interface FloorFacts {
  sizeBytes: number
  seedRateBps: number
  hosts: readonly Pick<HostProfile, 'upBps' | 'downBps'>[]
}

/** The least time in which all hosts can have the content, milliseconds. All rates of a scenario are known. */
export function fleetFloorMs({ sizeBytes, seedRateBps, hosts }: FloorFacts): number {
  const facts = { sizeBytes, seedBps: seedRateBps, holders: [], fetchers: hosts }
  return swarmFloor(facts).ms ?? Number.NaN
}

/** The least time for one host, which may be done before others: its own link, and the seed's. Milliseconds. */
export function hostFloorMs({ sizeBytes, seedRateBps }: FloorFacts, downBps: number): number {
  return 1000 * Math.max(sizeBytes / downBps, sizeBytes / seedRateBps)
}

/** With whole pieces the last host has one more piece time to wait for each doubling of the fleet. Milliseconds. */
export function granularFloorMs(facts: FloorFacts, pieceBytes: number): number {
  const slowest = Math.min(...facts.hosts.map(({ downBps }) => downBps))
  const hops = Math.ceil(Math.log2(Math.max(1, facts.hosts.length)))
  return fleetFloorMs(facts) + (1000 * hops * pieceBytes) / slowest
}
