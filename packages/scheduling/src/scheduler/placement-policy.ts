import type { HostId } from '@df/proto'
import type { ParentId } from './events.ts'

/**
 * A host of a swarm, as a policy sees it. The reducer owns and changes the record; after each change of
 * `complete`, `serving`, `avoided` or a rate it calls {@link Swarm.update}. `have` may move at any time.
 */
export interface SwarmMember {
  readonly host: HostId
  /** Pieces it holds (counted). */
  readonly have: number
  /** It holds every piece: it needs no parents, and can serve every stripe. Never taken back. */
  readonly complete: boolean
  /** Others may fetch from it. */
  readonly serving: boolean
  /** Hosts it cannot fetch from. */
  readonly avoided: ReadonlySet<HostId>
  /** What it is believed to send and to receive, bytes per second; undefined: nothing is known of it. */
  readonly upBps: number | undefined
  readonly downBps: number | undefined
  /** Where it is, from the widest place to the narrowest (region, zone, rack); empty: anywhere. */
  readonly location: readonly string[]
}

export interface SwarmOptions {
  stripes: number
  pieces: number
  /** How many hosts the seed feeds in each stripe, while others can. */
  seedSlots: number
  /** Rate of a host of which nothing is known, bytes per second. */
  typicalBps: number
}

/**
 * Who fetches from whom in one swarm. Every incomplete member always has one parent for each stripe, and
 * following the parents always ends at the seed or at a complete member.
 */
export interface Swarm {
  /** New members, placed together. */
  add(members: readonly SwarmMember[]): void
  remove(member: SwarmMember): void
  /** Facts of the member changed: whatever they forbid is undone before this returns. */
  update(member: SwarmMember): void
  /** The fleet's usual rate is another now. Moves nobody. */
  setTypical(bps: number): void
  /** `[s]`: the parent for stripe s; empty for a complete member. */
  parentsOf(member: SwarmMember): ParentId[]
  /** Hosts that fetch from it, counted once for each stripe. */
  childrenOf(member: SwarmMember): number
  /** Hosts whose parents changed since the last call, each once. Complete and removed ones may be among them. */
  takeChanged(): HostId[]
}

/** A way to place hosts. The reducer makes one swarm for each task. */
export type PlacementPolicy = (options: SwarmOptions) => Swarm
