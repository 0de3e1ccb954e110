import type { HostProfile } from './fleet.ts'

export interface FloorFacts {
  sizeBytes: number
  seedRateBps: number
  hosts: readonly Pick<HostProfile, 'upBps' | 'downBps'>[]
}

/**
 * The least time in which all hosts can have the content: `max(F/us, F/dmin, N·F/(us+Σui))`, in milliseconds
 * (Kumar & Ross, "Peer-Assisted File Distribution: The Minimum Distribution Time", 2006).
 */
export function fleetFloorMs({ sizeBytes, seedRateBps, hosts }: FloorFacts): number {
  const slowest = Math.min(...hosts.map(({ downBps }) => downBps))
  const sum = hosts.reduce((total, { upBps }) => total + upBps, seedRateBps)
  const shared = (hosts.length * sizeBytes) / sum
  return 1000 * Math.max(sizeBytes / slowest, sizeBytes / seedRateBps, shared)
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
