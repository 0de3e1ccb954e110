import type { ProofSubject } from '@df/codec'
import type { TokenBucket } from '@df/kit'
import {
  type AppError,
  type ErrorCode,
  type HostId,
  type HostMessage,
  type PeerRef,
  type PieceIndex,
  pieceLength,
  toAppError,
} from '@df/proto'
import { type Fetch, type FetchFailure, FetchPlanner, RateEstimate } from '@df/scheduling'
import type { StoredContent } from '@df/storage'
import type { FetchedPiece } from '@df/transfer'
import type { DownloadDeps } from './download-deps.ts'

/** How often the planner is asked though nothing happened. */
const TICK_MS = 100

export interface SwarmFetcherOptions {
  subject: ProofSubject
  content: StoredContent
  /** What all downloads of this host share. */
  shared: Pick<DownloadDeps, 'pieces' | 'budget' | 'buffers' | 'downloads' | 'link' | 'now'>
  /** Every limit that downloads of this task obey. */
  limits: readonly TokenBucket[]
  /** Pieces that readers wait for. */
  urgent(): { start: PieceIndex; end: PieceIndex }[]
  seed(): HostId | undefined
  /** A piece came of another host than its stripe's parent. */
  onRepaired(): void
  onBytes(count: number): void
  /** Stores a piece. @throws AppError DISK_FULL, STORAGE_FAILED */
  accept(index: PieceIndex, piece: FetchedPiece, from: HostId): Promise<void>
  report(message: HostMessage & { type: 'lost' | 'bad' }): void
  /** The piece could not be kept: the download cannot go on. */
  onStorageError(error: AppError): void
}

/**
 * Fetches a task's pieces from the hosts that its plan names. {@link FetchPlanner} decides; here are the sockets,
 * buffers, limits and timers around it.
 */
export class SwarmFetcher {
  readonly #options: SwarmFetcherOptions
  readonly #planner: FetchPlanner
  readonly #peers = new Map<HostId, PeerRef>()
  readonly #aborts = new Map<Fetch, AbortController>()
  /** What this task alone receives. */
  readonly #arrivals = new RateEstimate()
  readonly #tick: NodeJS.Timeout
  #wake: NodeJS.Timeout | undefined
  #wakeAt = Number.POSITIVE_INFINITY
  #ticket = ''
  #pumping = false
  #stopped = false

  constructor(options: SwarmFetcherOptions) {
    this.#options = options
    this.#planner = new FetchPlanner({
      geometry: options.subject.geometry,
      has: (index) => options.content.has(index),
    })
    this.#tick = setInterval(() => this.pump(), TICK_MS).unref()
  }

  setTicket(ticket: string): void {
    this.#ticket = ticket
    this.pump()
  }

  setPlan(parents: readonly PeerRef[], spares: readonly PeerRef[]): void {
    for (const peer of [...parents, ...spares]) this.#peers.set(peer.host, peer)
    this.#setSeed()
    const hostsOf = (peers: readonly PeerRef[]) => peers.map(({ host }) => host)
    this.#abort(this.#planner.setPlan({ parents: hostsOf(parents), spares: hostsOf(spares) }))
    this.pump()
  }

  /** A piece came, from wherever: other requests for it end, and the next ones go out. */
  onPiece(index: PieceIndex): void {
    this.#abort(this.#planner.received(index, this.#options.shared.now()))
    this.pump()
  }

  /** Sends what the planner wants, once per turn of the event loop. */
  pump(): void {
    if (this.#pumping || this.#stopped) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      if (this.#stopped || this.#ticket === '') return
      const now = this.#options.shared.now()
      this.#setSeed()
      const facts = { now, urgent: this.#options.urgent(), ...this.#rates(now) }
      for (const fetch of this.#planner.next(facts)) void this.#fetch(fetch)
    })
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#tick)
    clearTimeout(this.#wake)
    this.#abort([...this.#aborts.keys()])
  }

  /** A seed whose address no plan told cannot be asked. */
  #setSeed(): void {
    const seed = this.#options.seed()
    this.#planner.setSeed(seed !== undefined && this.#peers.has(seed) ? seed : undefined)
  }

  /** What arrives for this task, and what its link leaves for it beside the other tasks (0: unknown). */
  #rates(now: number): { bps: number; limitBps: number } {
    const { link, downloads } = this.#options.shared
    const bps = this.#arrivals.receivingBps(now)
    const whole = downloads.bps || (link.downBps(now) ?? 0)
    const others = Math.max(0, link.receivingBps(now) - bps)
    return { bps, limitBps: whole === 0 ? 0 : Math.max(1, whole - others) }
  }

  #onBytes(count: number): void {
    const now = this.#options.shared.now()
    this.#arrivals.received(count, now)
    this.#options.shared.link.received(count, now)
    this.#options.onBytes(count)
  }

  async #fetch(fetch: Fetch): Promise<void> {
    const { budget, buffers } = this.#options.shared
    const abort = new AbortController()
    this.#aborts.set(fetch, abort)
    const bytes = pieceLength(this.#options.subject.geometry, fetch.index)
    let into: Buffer | undefined
    try {
      await budget.enter(bytes, abort.signal)
      into = buffers.take(bytes)
      for (const limit of this.#options.limits) await limit.take(bytes, abort.signal)
      await this.#keep(fetch, await this.#ask(fetch, into, abort.signal))
    } catch (error) {
      if (!abort.signal.aborted && !this.#stopped) this.#failed(fetch, toAppError(error))
    } finally {
      if (into !== undefined) {
        buffers.giveBack(into)
        budget.leave(bytes)
      }
      this.#aborts.delete(fetch)
      this.#planner.closed(fetch)
      this.pump()
    }
  }

  async #ask(fetch: Fetch, into: Buffer, signal: AbortSignal): Promise<FetchedPiece> {
    const { shared, subject } = this.#options
    const { index, priority } = fetch
    const parent = this.#peers.get(fetch.from)
    if (parent === undefined) throw toAppError(new Error('the plan named a host without address'))
    return shared.pieces.fetch({
      parent,
      subject,
      index,
      priority,
      ticket: this.#ticket,
      signal,
      into,
      onBytes: (count) => this.#onBytes(count),
    })
  }

  async #keep(fetch: Fetch, piece: FetchedPiece): Promise<void> {
    // It counts as here though it is still being written: nobody else needs to bring it.
    this.#aborts.delete(fetch)
    this.#planner.closed(fetch)
    this.onPiece(fetch.index)
    if (fetch.priority === 'repair') this.#options.onRepaired()
    try {
      await this.#options.accept(fetch.index, piece, fetch.from)
    } catch (error) {
      if (!this.#stopped) this.#options.onStorageError(toAppError(error, 'STORAGE_FAILED'))
    }
  }

  #failed(fetch: Fetch, error: AppError): void {
    const { subject, shared, report } = this.#options
    const outcome = this.#planner.failed(fetch, failureOf(error.code), shared.now())
    this.#abort(outcome.abort)
    const about = { task: subject.task, parent: fetch.from }
    if (outcome.report === 'lost') report({ type: 'lost', ...about })
    if (outcome.report === 'bad') report({ type: 'bad', ...about, piece: fetch.index })
    if (outcome.againAt !== undefined) this.#pumpAt(outcome.againAt)
  }

  #abort(fetches: readonly Fetch[]): void {
    for (const fetch of fetches) this.#aborts.get(fetch)?.abort()
  }

  /** Nobody may be left to ask until then. What is due later than the next tick needs no timer. */
  #pumpAt(at: number): void {
    const now = this.#options.shared.now()
    if (at >= this.#wakeAt || at - now > TICK_MS || this.#stopped) return
    this.#wakeAt = at
    clearTimeout(this.#wake)
    this.#wake = setTimeout(
      () => {
        this.#wakeAt = Number.POSITIVE_INFINITY
        this.pump()
      },
      Math.max(0, at - now) + 1,
    ).unref()
  }
}

const failures: Partial<Record<ErrorCode, FetchFailure>> = {
  PIECE_NOT_YET: 'not-yet',
  PIECE_ABSENT: 'absent',
  PARENT_BUSY: 'busy',
  PIECE_INVALID: 'invalid',
}

function failureOf(code: ErrorCode): FetchFailure {
  return failures[code] ?? 'lost'
}
