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
  return 1000 * Math.max(sizeBytes / slowest, sharedFloorS({ sizeBytes, seedRateBps, hosts }))
}

/** The least time for one host of the fleet: its own link, and what the fleet as a whole can send. Milliseconds. */
export function hostFloorMs(facts: FloorFacts, downBps: number): number {
  return 1000 * Math.max(facts.sizeBytes / downBps, sharedFloorS(facts))
}

/** With whole pieces the last host has one more piece time to wait for each doubling of the fleet. Milliseconds. */
export function granularFloorMs(facts: FloorFacts, pieceBytes: number): number {
  const slowest = Math.min(...facts.hosts.map(({ downBps }) => downBps))
  const hops = Math.ceil(Math.log2(Math.max(1, facts.hosts.length)))
  return fleetFloorMs(facts) + (1000 * hops * pieceBytes) / slowest
}

function sharedFloorS({ sizeBytes, seedRateBps, hosts }: FloorFacts): number {
  // What a fast fleet cannot take is not sent: a host's need is bounded by its own link, which the other terms say.
  const sum = hosts.reduce((total, { upBps }) => total + upBps, seedRateBps)
  return Math.max(sizeBytes / seedRateBps, (hosts.length * sizeBytes) / sum)
}
