import type { HostId } from '@df/proto'
import { rateClassOf } from './rate-class.ts'

/** Hosts remembered that are in no swarm; the one that was not heard of for longest goes first. */
const REMEMBERED = 50_000
/** Of a host that was found slow this much of what was believed is left, until it is measured. */
const SLOW_SHARE = 0.5
/** What a host measured before it was found slow says nothing of now. */
const STALE_MS = 4000
/** A rate for the case that none is known: only what hosts have in relation to each other matters then. */
const ANY_BPS = 1

/** What is believed of a host's links, bytes per second; undefined: nothing is known. */
export interface HostRates {
  upBps: number | undefined
  downBps: number | undefined
  location: readonly string[]
}

interface Entry extends HostRates {
  /** Its own limits. */
  upLimitBps: number
  downLimitBps: number
  /** Measurements count again from then on, milliseconds. */
  slowUntil: number
}

/** What a host says of itself when it comes. */
export interface HostFacts {
  upBps?: number
  downBps?: number
  location?: readonly string[]
}

/**
 * What hosts can send and receive, as far as they said or were seen to; remembered across tasks and sessions. A measured
 * rate is a lower bound (the swarm may have had no more to give), so beliefs only rise by measurement, and fall
 * when others report the host slow.
 */
export class RateBook {
  readonly #entries = new Map<HostId, Entry>()
  /** How many hosts have each class of down rate. */
  readonly #classes = new Map<number, { hosts: number; sumBps: number }>()

  of(host: HostId): HostRates {
    return this.#entries.get(host) ?? { upBps: undefined, downBps: undefined, location: [] }
  }

  /** Limits that a host has set itself are known rates. */
  up(host: HostId, { upBps, downBps, location }: HostFacts): void {
    const known = this.#entries.get(host)
    this.#set(host, {
      upLimitBps: upBps ?? Number.POSITIVE_INFINITY,
      downLimitBps: downBps ?? Number.POSITIVE_INFINITY,
      upBps: known?.upBps ?? upBps,
      downBps: known?.downBps ?? downBps,
      location: location ?? [],
      slowUntil: known?.slowUntil ?? Number.NEGATIVE_INFINITY,
    })
  }

  /** Returns whether a belief changed. */
  measured(host: HostId, { upBps, downBps }: HostFacts, now: number): boolean {
    const before = this.#entries.get(host)
    if (before === undefined || now < before.slowUntil) return false
    const higher = (believed: number | undefined, seen: number | undefined) =>
      seen === undefined || seen === 0 || seen < (believed ?? 0) ? believed : seen
    const after = {
      ...before,
      upBps: higher(before.upBps, upBps),
      downBps: higher(before.downBps, downBps),
    }
    if (after.upBps === before.upBps && after.downBps === before.downBps) return false
    this.#set(host, after)
    return true
  }

  /** Others wait for the host. */
  foundSlow(host: HostId, now: number): void {
    const before = this.#entries.get(host)
    if (before === undefined) return
    const typical = this.typicalBps
    this.#set(host, {
      ...before,
      upBps: SLOW_SHARE * (before.upBps ?? before.downBps ?? typical),
      downBps: SLOW_SHARE * (before.downBps ?? typical),
      slowUntil: now + STALE_MS,
    })
  }

  /** The down rate of the class that most hosts have. */
  get typicalBps(): number {
    let most = { hosts: 0, sumBps: 0 }
    for (const entry of this.#classes.values()) if (entry.hosts > most.hosts) most = entry
    return most.hosts === 0 ? ANY_BPS : most.sumBps / most.hosts
  }

  /** Forgets the longest unheard-of hosts when there are too many. `isNeeded`: it is in a swarm. */
  trim(isNeeded: (host: HostId) => boolean): void {
    let excess = this.#entries.size - REMEMBERED
    for (const host of this.#entries.keys()) {
      if (excess <= 0) return
      if (isNeeded(host)) continue
      this.#count(this.#entries.get(host)?.downBps, -1)
      this.#entries.delete(host)
      excess--
    }
  }

  #set(host: HostId, entry: Entry): void {
    const { upLimitBps, downLimitBps } = entry
    const bounded = {
      ...entry,
      upBps: entry.upBps && Math.min(entry.upBps, upLimitBps),
      downBps: entry.downBps && Math.min(entry.downBps, downLimitBps),
    }
    this.#count(this.#entries.get(host)?.downBps, -1)
    this.#count(bounded.downBps, 1)
    this.#entries.delete(host)
    this.#entries.set(host, bounded)
  }

  #count(bps: number | undefined, change: 1 | -1): void {
    if (bps === undefined) return
    const rateClass = rateClassOf(bps)
    const entry = this.#classes.get(rateClass) ?? { hosts: 0, sumBps: 0 }
    entry.hosts += change
    entry.sumBps += change * bps
    if (entry.hosts === 0) this.#classes.delete(rateClass)
    else this.#classes.set(rateClass, entry)
  }
}
