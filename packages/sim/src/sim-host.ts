import type { Geometry, HostId, PieceIndex } from '@df/proto'
import { FetchPlanner, RateEstimate, ReceiverPace, ServeOrder } from '@df/scheduling'
import type { HostProfile } from './fleet.ts'
import type { LinkId } from './network.ts'
import type { TransferId } from './transfers.ts'

/** `away`: not there yet · `here` · `silent`: its cable is cut · `dead`: its process is gone. */
export type HostState = 'away' | 'here' | 'silent' | 'dead'

/** What became of a host in one content. */
export interface HostRecord {
  joinedAtMs: number
  firstPieceAtMs: number | undefined
  finishedAtMs: number | undefined
  /** Bytes by where they came from. */
  fromSeed: number
  fromPeers: number
  fromOtherZones: number
  /** Bytes that came although they were here, or were wrong. */
  wasted: number
  repairs: number
  messagesUp: number
  messagesDown: number
}

/** A host of the run, or the SuperNode's own copy: what it holds, asks and serves. */
export class SimHost {
  readonly number: number
  readonly profile: HostProfile
  readonly up: LinkId
  readonly down: LinkId
  state: HostState = 'away'
  /** Set while it takes part in a content. */
  planner: FetchPlanner | undefined
  readonly serve = new ServeOrder<TransferId>()
  /** When {@link serve} is to be looked at next. */
  serveDueAt = Number.POSITIVE_INFINITY
  /** Requests for pieces that are not here yet. */
  readonly held = new Map<PieceIndex, TransferId[]>()
  /** What arrives for the content, and what its link was seen to carry. */
  arrivals = new RateEstimate()
  readonly link = new RateEstimate()
  readonly pace = new ReceiverPace()
  /** What it told of its link last. */
  toldBps = 0
  record: HostRecord
  #has: Uint8Array
  #count = 0
  #pieces: number

  constructor(options: {
    number: number
    profile: HostProfile
    links: { up: LinkId; down: LinkId }
    pieces: number
    now: () => number
  }) {
    this.number = options.number
    this.profile = options.profile
    this.up = options.links.up
    this.down = options.links.down
    this.#pieces = options.pieces
    this.#has = new Uint8Array(options.pieces)
    this.record = emptyRecord(options.now())
  }

  get have(): number {
    return this.#count
  }

  get isComplete(): boolean {
    return this.#count === this.#pieces
  }

  has(index: PieceIndex): boolean {
    return this.#has[index] === 1
  }

  /** Whether the piece was not here before. */
  add(index: PieceIndex): boolean {
    if (this.#has[index] === 1) return false
    this.#has[index] = 1
    this.#count++
    return true
  }

  fill(): void {
    this.#has.fill(1)
    this.#count = this.#pieces
  }

  /** Starts to fetch, with what is here. */
  plan(geometry: Geometry, seed: HostId): FetchPlanner {
    const planner = new FetchPlanner({ geometry, has: (index) => this.has(index) })
    planner.setSeed(seed)
    this.planner = planner
    return planner
  }

  /** Forgets the content, for the next one. */
  reset(pieces: number, now: () => number): void {
    this.#pieces = pieces
    this.#has = new Uint8Array(pieces)
    this.#count = 0
    this.planner = undefined
    this.held.clear()
    this.arrivals = new RateEstimate()
    this.record = emptyRecord(now())
  }
}

function emptyRecord(joinedAtMs: number): HostRecord {
  return {
    joinedAtMs,
    firstPieceAtMs: undefined,
    finishedAtMs: undefined,
    fromSeed: 0,
    fromPeers: 0,
    fromOtherZones: 0,
    wasted: 0,
    repairs: 0,
    messagesUp: 0,
    messagesDown: 0,
  }
}
