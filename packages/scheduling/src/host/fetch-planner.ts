import type { Geometry, HostId, PieceIndex } from '@df/proto'
import { NeighbourMemory } from './neighbour-memory.ts'
import { type Fetch, OpenFetches } from './open-fetches.ts'
import { laggingStripes, repairCandidates } from './repair.ts'
import { StripeProgress } from './stripe-progress.ts'

/** Requests kept open per stripe, and when the stripe is far behind the others. */
const WINDOW = 3
const CATCH_UP_WINDOW = 8
const CATCH_UP_ROUNDS = 8
/** A stripe that is ahead of another keeps to one request: each connection takes its share of the downlink. */
const AHEAD_WINDOW = 1
const AHEAD_ROUNDS = 6
const MOST_REPAIRS = 4
/** After a search for repairs that found too few, the next one. */
const SEARCH_AGAIN_MS = 20
/** A piece that a reader waits for counts as urgent only when it is further ahead than this: nearer ones are next anyway. */
const NEAR_PIECES = 8
/** The downlink has room below this part of its rate. */
const SATURATED = 0.9

/** A lost host is left alone for so long; the seed, which may be the only one, for less. */
const AVOID_LOST_MS = 5000
const AVOID_SEED_MS = 500
const AVOID_BUSY_MS = 60
/** How long "I do not have that piece" is believed. */
const LACKS_MS = 300
/** A parent that held the request as long as it does is asked again after a breath, not in a tight circle. */
const HELD_AGAIN_MS = 20
/** One host is reported lost once in this time. */
const REPORT_AGAIN_MS = 1000

/** How a request ended that brought nothing: not there yet · will not be there · no slot · wrong bytes · no answer, cut, refused. */
export type FetchFailure = 'not-yet' | 'absent' | 'busy' | 'invalid' | 'lost'

export interface FetchFacts {
  /** Milliseconds of a monotonic clock. */
  readonly now: number
  /** Pieces that readers wait for: half-open ranges. */
  readonly urgent: readonly { readonly start: PieceIndex; readonly end: PieceIndex }[]
  /** Bytes per second that arrive now. */
  readonly bps: number
  /** What the downlink can carry, 0 when unknown. */
  readonly limitBps: number
}

export interface FailureOutcome {
  /** Tell the SuperNode that the host does not answer, or served a wrong piece. */
  readonly report?: 'lost' | 'bad'
  /** Other requests to that host, to be aborted; they are closed already. */
  readonly abort: readonly Fetch[]
  /** Call {@link FetchPlanner.next} then: somebody may be asked again. */
  readonly againAt?: number
}

/**
 * What a host asks whom for, and what follows from the answers (scheduling study §5.4, §5.6): a few requests per
 * stripe at the stripe's parent, the next missing pieces in order; the oldest pieces of a stripe that lags at other
 * neighbours too. One for each task; the simulator runs the same. A call costs the same whatever the size of the content.
 *
 * Whatever it gives out to be aborted counts as closed from then on. Nothing happens by itself: call
 * {@link next} after each event and every 100 ms.
 */
export class FetchPlanner {
  readonly #geometry: Geometry
  readonly #progress: StripeProgress
  readonly #open: OpenFetches
  readonly #memory = new NeighbourMemory()
  /** Where each stripe's search for the next piece to ask begins: what is before is here, asked, or not to be had. */
  readonly #cursors: Int32Array
  #parents: readonly HostId[] = []
  /** Spares and parents without the seed. */
  #neighbours: readonly HostId[] = []
  #spares: readonly HostId[] = []
  #seed: HostId | undefined
  #searchAt = Number.NEGATIVE_INFINITY

  constructor(options: { geometry: Geometry; has(index: PieceIndex): boolean }) {
    this.#geometry = options.geometry
    this.#progress = new StripeProgress(options.geometry, (index) => options.has(index))
    this.#open = new OpenFetches(options.geometry.stripes)
    this.#cursors = Int32Array.from({ length: options.geometry.stripes }, (_, stripe) =>
      this.#progress.front(stripe),
    )
  }

  /** Highest piece that is here, -1 for none. */
  get newest(): PieceIndex {
    return this.#progress.newest
  }

  /** Smallest missing piece; the number of pieces or more when nothing lacks. */
  get firstMissing(): PieceIndex {
    return this.#progress.firstMissing
  }

  /** The SuperNode's own copy: the last to be asked for what a parent does not give. */
  setSeed(host: HostId | undefined): void {
    if (host === this.#seed) return
    this.#seed = host
    this.#listNeighbours()
  }

  /** Replaces the plan. Gives the requests to abort: a former parent may hold them and never serve them now. */
  setPlan(plan: { parents: readonly HostId[]; spares: readonly HostId[] }): readonly Fetch[] {
    const former = this.#parents
    this.#parents = plan.parents
    this.#spares = plan.spares
    this.#searchAt = Number.NEGATIVE_INFINITY
    this.#listNeighbours()
    const { stripes } = this.#geometry
    return this.#takeOut(({ index, from, priority }) => {
      if (!former.includes(from)) return false
      if (!this.#parents.includes(from)) return true
      const stripe = index % stripes
      return (
        priority !== 'repair' && from === entryOf(former, stripe) && from !== this.#parentOf(stripe)
      )
    })
  }

  /** The requests to send now. They are open from here on, until they are closed, failed or given out to be aborted. */
  next(facts: FetchFacts): readonly Fetch[] {
    this.#progress.watchFrom(facts.now)
    if (this.#parents.length === 0 || this.#progress.complete) return none
    const fetches: Fetch[] = []
    for (let stripe = 0; stripe < this.#geometry.stripes; stripe++) {
      this.#fillStripe(stripe, facts, fetches)
    }
    const isSaturated = facts.limitBps > 0 && facts.bps > SATURATED * facts.limitBps
    if (!isSaturated) this.#repair(facts, fetches)
    return fetches
  }

  /** The piece is here, from wherever. Gives the other requests for it, to abort: close the one that brought it before. */
  received(index: PieceIndex, now: number): readonly Fetch[] {
    this.#progress.add(index, now)
    return this.#open.takePiece(index)
  }

  /** The request is over, however it ended. Doing so twice does no harm. */
  closed(request: Fetch): void {
    if (this.#open.remove(request)) this.#reopen(request.index)
  }

  /** The request ended without the piece. Closes it and tells what follows. */
  failed(request: Fetch, failure: FetchFailure, now: number): FailureOutcome {
    this.closed(request)
    const { from, priority } = request
    switch (failure) {
      case 'not-yet':
        return this.#lacking(request, now + (priority === 'repair' ? LACKS_MS : HELD_AGAIN_MS))
      case 'busy':
        this.#memory.avoid(from, now + AVOID_BUSY_MS)
        return { abort: none, againAt: now + AVOID_BUSY_MS }
      case 'absent': {
        const lacking = this.#lacking(request, now + LACKS_MS)
        return priority === 'repair' ? lacking : this.#lost(from, now)
      }
      case 'invalid':
        this.#memory.avoid(from, Number.POSITIVE_INFINITY)
        return { report: 'bad', abort: this.#takeOutHost(from), againAt: now }
      case 'lost':
        return this.#lost(from, now)
    }
  }

  #lacking({ from, index }: Fetch, until: number): FailureOutcome {
    this.#memory.markLacking(from, index, until)
    return { abort: none, againAt: until }
  }

  #lost(from: HostId, now: number): FailureOutcome {
    const againAt = now + (from === this.#seed ? AVOID_SEED_MS : AVOID_LOST_MS)
    this.#memory.avoid(from, againAt)
    const abort = this.#takeOutHost(from)
    return this.#memory.mayReport(from, { now, againMs: REPORT_AGAIN_MS })
      ? { report: 'lost', abort, againAt }
      : { abort, againAt }
  }

  #takeOutHost(host: HostId): Fetch[] {
    return this.#takeOut(({ from }) => from === host)
  }

  #takeOut(matches: (request: Fetch) => boolean): Fetch[] {
    const taken = this.#open.takeOut(matches)
    for (const { index } of taken) this.#reopen(index)
    return taken
  }

  /** The piece may be asked again. */
  #reopen(index: PieceIndex): void {
    const stripe = index % this.#geometry.stripes
    if (this.#progress.has(index) || index >= (this.#cursors[stripe] ?? 0)) return
    this.#cursors[stripe] = index
  }

  #fillStripe(stripe: number, facts: FetchFacts, fetches: Fetch[]): void {
    const progress = this.#progress
    const { stripes } = progress
    const front = progress.front(stripe)
    if (front >= progress.pieces) return
    const isBehind = progress.lead - front > CATCH_UP_ROUNDS * stripes
    const isAhead = front - progress.firstMissing > AHEAD_ROUNDS * stripes
    const window = isBehind ? CATCH_UP_WINDOW : isAhead ? AHEAD_WINDOW : WINDOW
    let room = window - this.#open.inStripe(stripe).length
    if (room <= 0) return
    const from = this.#sourceOf(stripe, facts.now)
    if (from === undefined) return
    const isFree = (index: PieceIndex) => !progress.has(index) && !this.#open.isAsked(index)
    const isToBeHad = (index: PieceIndex) => !this.#memory.lacks(from, index, facts.now)
    const near = front + Math.max(WINDOW * stripes, NEAR_PIECES)
    for (const { start, end } of facts.urgent) {
      let at = Math.max(start, near)
      at += (stripe - (at % stripes) + stripes) % stripes
      for (; at < end && at < progress.pieces && room > 0; at += stripes) {
        if (!isFree(at) || !isToBeHad(at)) continue
        this.#ask({ index: at, from, priority: 'urgent' }, fetches)
        room--
      }
    }
    let at = Math.max(front, this.#cursors[stripe] ?? 0)
    let skipped = progress.pieces
    for (; at < progress.pieces && room > 0; at += stripes) {
      if (!isFree(at)) continue
      if (isToBeHad(at)) {
        this.#ask({ index: at, from, priority: 'tree' }, fetches)
        room--
      } else if (at < skipped) skipped = at
    }
    this.#cursors[stripe] = Math.min(at, skipped)
  }

  #repair(facts: FetchFacts, fetches: Fetch[]): void {
    let room = MOST_REPAIRS - this.#open.repairs.length
    if (room <= 0 || facts.now < this.#searchAt) return
    const { pieceSize } = this.#geometry
    const lagging = laggingStripes(this.#progress, { now: facts.now, bps: facts.bps, pieceSize })
    if (lagging.length === 0) return
    for (const stripe of lagging) {
      for (const index of repairCandidates(this.#progress, stripe)) {
        if (room === 0) return
        if (this.#open.isRepaired(index)) continue
        const from = this.#repairSource(index, facts.now)
        if (from === undefined) continue
        this.#ask({ index, from, priority: 'repair' }, fetches)
        room--
      }
    }
    this.#searchAt = facts.now + SEARCH_AGAIN_MS
  }

  #ask(request: Fetch, fetches: Fetch[]): void {
    this.#open.add(request)
    fetches.push(request)
  }

  #parentOf(stripe: number): HostId | undefined {
    return entryOf(this.#parents, stripe)
  }

  /** The stripe's parent; while that one is avoided, somebody else, the seed last. */
  #sourceOf(stripe: number, now: number): HostId | undefined {
    const parent = this.#parentOf(stripe)
    if (parent !== undefined && !this.#memory.avoided(parent, now)) return parent
    return this.#pick(stripe, (host) => host !== parent && !this.#memory.avoided(host, now))
  }

  #repairSource(index: PieceIndex, now: number): HostId | undefined {
    const parent = this.#parentOf(index % this.#geometry.stripes)
    return this.#pick(
      index,
      (host) =>
        host !== parent &&
        !this.#memory.avoided(host, now) &&
        !this.#memory.lacks(host, index, now) &&
        !this.#open.isAskedAt(index, host),
    )
  }

  /** One of the neighbours that will do, another one for another `turn`; the seed when none does. */
  #pick(turn: number, isUsable: (host: HostId) => boolean): HostId | undefined {
    const usable = this.#neighbours.filter(isUsable)
    if (usable.length > 0) return usable[turn % usable.length]
    return this.#seed !== undefined && isUsable(this.#seed) ? this.#seed : undefined
  }

  #listNeighbours(): void {
    this.#neighbours = [...new Set([...this.#spares, ...this.#parents])].filter(
      (host) => host !== this.#seed,
    )
  }
}

const none: readonly Fetch[] = Object.freeze([])

function entryOf(parents: readonly HostId[], stripe: number): HostId | undefined {
  return parents[stripe % parents.length]
}
