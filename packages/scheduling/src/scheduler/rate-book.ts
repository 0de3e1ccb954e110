import type { HostId } from '@df/proto'
import type { LinkRates } from '../swarm-floor.ts'
import { bpsOfClass, rateClassOf } from './rate-class.ts'

/** Hosts remembered that are in no swarm; the one that was not heard of for longest goes first. */
const REMEMBERED = 50_000
/** No host is believed to have less than this part of the typical rate on the word of others. */
const LEAST_SHARE = 0.1
/** A host that was found slow is taken for that until it shows, this long after, that it is not: its estimates go back two minutes. */
const SLOW_FOR_MS = 120_000
/** A host counts as faster than most when it received so many times the typical rate: equal ones differ by noise. */
const FASTER = 1.5
/** Nor is a host believed to be faster than this: a limit may be far above the card, and a host may lie. */
const FASTEST = 10
/** A rate for the case that none is known: only what hosts have in relation to each other matters then. */
const ANY_BPS = 1

/** What is believed of a host's links; an undefined rate is as with most hosts. */
export interface HostRates extends LinkRates {
  location: readonly string[]
}

/** What a host says of itself when it comes: its own limits, which are known rates. */
export interface HostFacts {
  upBps?: number
  downBps?: number
  location?: readonly string[]
}

interface Entry {
  limits: { upBps: number; downBps: number }
  location: readonly string[]
  /** The most that ever came in: the link carries at least that. */
  receivedBps: number | undefined
  /** Others take their pieces faster: it takes this part of the typical rate, or less. */
  slow: { atMs: number; share: number } | undefined
}

/**
 * What hosts can send and receive; remembered across tasks and sessions. What nobody knows is taken to be as with
 * most hosts: that a host received little proves nothing, as the swarm may have had no more to give. It is believed
 * to be slower when those that send to it say so.
 */
export class RateBook {
  readonly #entries = new Map<HostId, Entry>()
  /** How many hosts showed a rate of each class. */
  readonly #classes = new Map<number, number>()
  #typicalBps = ANY_BPS

  of(host: HostId): HostRates {
    const entry = this.#entries.get(host)
    if (entry === undefined) return { upBps: undefined, downBps: undefined, location: [] }
    const { limits, location } = entry
    const most = FASTEST * this.#typicalBps
    const downBps = bounded(atMost(downOf(entry, this.#typicalBps), limits.downBps), most)
    // Cards are the same both ways: what a host sends shows less, as its receivers may be slow.
    return { upBps: bounded(atMost(downBps, limits.upBps), most), downBps, location }
  }

  up(host: HostId, { upBps, downBps, location }: HostFacts): void {
    const known = this.#entries.get(host)
    this.#set(host, {
      limits: {
        upBps: upBps ?? Number.POSITIVE_INFINITY,
        downBps: downBps ?? Number.POSITIVE_INFINITY,
      },
      location: location ?? [],
      receivedBps: known?.receivedBps,
      slow: known?.slow,
    })
  }

  /** Returns whether a belief changed by more than the usual noise. */
  measured(host: HostId, downBps: number, now: number): boolean {
    const before = this.#entries.get(host)
    if (before === undefined) return false
    const { slow, receivedBps: known = 0 } = before
    // Nearly every report is one of these.
    if (slow === undefined && (downBps <= known || !differ(downBps, known))) return false
    const believed = this.of(host)
    const receivedBps = Math.max(known, downBps)
    const isOver = slow !== undefined && now - slow.atMs > SLOW_FOR_MS
    this.#set(host, {
      ...before,
      // What it received before it was found slow counts no more.
      receivedBps: slow === undefined ? receivedBps : isOver ? downBps : before.receivedBps,
      slow: isOver && downBps > slow.share * this.#typicalBps ? undefined : slow,
    })
    const after = this.of(host)
    return differ(believed.upBps, after.upBps) || differ(believed.downBps, after.downBps)
  }

  /** Others take their pieces faster than the host, which takes this part of what they do. Returns whether that is news. */
  foundSlow(host: HostId, share: number, now: number): boolean {
    const before = this.#entries.get(host)
    if (before === undefined) return false
    const believed = this.of(host)
    const slow = {
      atMs: now,
      share: Math.max(LEAST_SHARE, Math.min(share, before.slow?.share ?? 1)),
    }
    this.#set(host, { ...before, slow })
    return differ(believed.downBps, this.of(host).downBps)
  }

  /** Hosts that were found slow: what is believed of them depends on what is typical. */
  slowHosts(): HostId[] {
    return [...this.#entries].flatMap(([host, { slow }]) => (slow === undefined ? [] : [host]))
  }

  /** What hosts have of which nothing is known: the rate that a quarter of those that showed one have, or more. */
  get typicalBps(): number {
    return this.#typicalBps
  }

  /** Forgets the longest unheard-of hosts when there are too many. `isNeeded`: it is in a swarm. */
  trim(isNeeded: (host: HostId) => boolean): void {
    let excess = this.#entries.size - REMEMBERED
    for (const [host, entry] of this.#entries) {
      if (excess <= 0) return
      if (isNeeded(host)) continue
      this.#count(entry, -1)
      this.#entries.delete(host)
      excess--
    }
  }

  #set(host: HostId, entry: Entry): void {
    const before = this.#entries.get(host)
    if (before !== undefined) this.#count(before, -1)
    this.#count(entry, 1)
    this.#entries.delete(host)
    this.#entries.set(host, entry)
    this.#typicalBps = this.#upperQuartile()
  }

  #count(entry: Entry, change: 1 | -1): void {
    const shown = shownBps(entry)
    if (shown === undefined) return
    const rateClass = rateClassOf(shown)
    const hosts = (this.#classes.get(rateClass) ?? 0) + change
    if (hosts === 0) this.#classes.delete(rateClass)
    else this.#classes.set(rateClass, hosts)
  }

  #upperQuartile(): number {
    const fastestFirst = [...this.#classes].sort(([a], [b]) => a - b)
    const all = fastestFirst.reduce((sum, [, hosts]) => sum + hosts, 0)
    let seen = 0
    for (const [rateClass, hosts] of fastestFirst) {
      seen += hosts
      if (4 * seen >= all) return bpsOfClass(rateClass)
    }
    return ANY_BPS
  }
}

/** A rate that the host is known to have reached, or set itself. */
function shownBps({ limits, receivedBps, slow }: Entry): number | undefined {
  if (slow !== undefined) return undefined
  if (Number.isFinite(limits.downBps)) return limits.downBps
  return receivedBps
}

function downOf({ receivedBps, slow }: Entry, typicalBps: number): number | undefined {
  if (slow !== undefined) return slow.share * typicalBps
  return receivedBps !== undefined && receivedBps > FASTER * typicalBps ? receivedBps : undefined
}

function bounded(bps: number | undefined, most: number): number | undefined {
  return bps === undefined ? undefined : Math.min(bps, most)
}

function atMost(bps: number | undefined, limitBps: number): number | undefined {
  if (!Number.isFinite(limitBps)) return bps
  return Math.min(bps ?? limitBps, limitBps)
}

function differ(a: number | undefined, b: number | undefined): boolean {
  if (a === undefined || b === undefined) return a !== b
  return rateClassOf(a) !== rateClassOf(b)
}
