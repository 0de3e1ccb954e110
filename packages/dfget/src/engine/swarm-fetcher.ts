import type { ProofSubject } from '@df/codec'
import type { BufferPool, TokenBucket } from '@df/kit'
import {
  type AppError,
  type HostId,
  type HostMessage,
  isAppError,
  type PeerRef,
  type PieceIndex,
  pieceCount,
  pieceLength,
  toAppError,
} from '@df/proto'
import { type InFlight, nextFetches } from '@df/scheduling'
import type { StoredContent } from '@df/storage'
import type { FetchedPiece, PieceClient } from '@df/transfer'
import type { ByteBudget } from './byte-budget.ts'
import { FetchLedger, type OpenFetch } from './fetch-ledger.ts'

/** A lost parent is not asked again for this long, unless nobody else is left. */
const AVOID_LOST_MS = 5000
const AVOID_BUSY_MS = 60
const AVOID_SEED_MS = 500
const REPORT_AGAIN_MS = 1000

export interface SwarmFetcherOptions {
  subject: ProofSubject
  content: StoredContent
  client: PieceClient
  budget: ByteBudget
  buffers: BufferPool
  /** Every limit that downloads of this task obey. */
  limits: readonly TokenBucket[]
  now: () => number
  /** Bytes per second now, and the host's own limit (0: unknown). */
  rate(): { bps: number; limitBps: number }
  /** Pieces that readers wait for. */
  urgent(): { start: PieceIndex; end: PieceIndex }[]
  seed(): HostId | undefined
  onBytes(count: number): void
  /** Stores a piece. @throws AppError DISK_FULL, STORAGE_FAILED */
  accept(index: PieceIndex, piece: FetchedPiece, from: HostId): Promise<void>
  report(message: HostMessage & { type: 'lost' | 'bad' }): void
  /** The piece could not be kept: the download cannot go on. */
  onStorageError(error: AppError): void
}

/** Fetches a task's pieces from the hosts that its plan names, as the policy says. */
export class SwarmFetcher {
  readonly #options: SwarmFetcherOptions
  readonly #ledger: FetchLedger
  readonly #peers = new Map<HostId, PeerRef>()
  readonly #reportedAt = new Map<HostId, number>()
  readonly #pieces: number
  #parents: HostId[] = []
  #spares: HostId[] = []
  #ticket = ''
  #newest = -1
  #pumping = false
  #stopped = false

  constructor(options: SwarmFetcherOptions) {
    this.#options = options
    this.#ledger = new FetchLedger(options.now)
    this.#pieces = pieceCount(options.subject.geometry)
    for (let index = 0; index < this.#pieces; index++) {
      if (options.content.has(index)) this.#newest = index
    }
  }

  setTicket(ticket: string): void {
    this.#ticket = ticket
    this.pump()
  }

  setPlan(parents: readonly PeerRef[], spares: readonly PeerRef[]): void {
    const gone = new Set(this.#parents)
    this.#parents = parents.map(({ host }) => host)
    this.#spares = spares.map(({ host }) => host)
    for (const peer of [...parents, ...spares]) this.#peers.set(peer.host, peer)
    for (const host of this.#parents) gone.delete(host)
    // A former parent may hold requests that it will never serve now.
    for (const host of gone) this.#ledger.abortHost(host)
    this.pump()
  }

  /** A piece came, from wherever: other requests for it end, and the next ones go out. */
  onPiece(index: PieceIndex): void {
    this.#newest = Math.max(this.#newest, index)
    this.#ledger.abortPiece(index)
    this.pump()
  }

  /** Sends what the policy wants, once per turn of the event loop. */
  pump(): void {
    if (this.#pumping || this.#stopped) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      if (this.#stopped || this.#ticket === '') return
      for (const fetch of nextFetches(this.#view())) void this.#fetch(fetch)
    })
  }

  stop(): void {
    this.#stopped = true
    this.#ledger.abortAll()
  }

  #view() {
    const { subject, content, rate, urgent, seed } = this.#options
    const { bps, limitBps } = rate()
    return {
      geometry: subject.geometry,
      pieces: this.#pieces,
      has: (index: PieceIndex) => content.has(index),
      firstMissing: (from: PieceIndex) => {
        let index = from
        while (index < this.#pieces && content.has(index)) index++
        return index
      },
      newest: this.#newest,
      parents: this.#parents,
      spares: this.#spares,
      seed: seed(),
      inFlight: (index: PieceIndex) => this.#ledger.forPiece(index),
      open: this.#ledger.open(),
      avoided: (host: HostId) => this.#ledger.avoided(host),
      lacks: (host: HostId, index: PieceIndex) => this.#ledger.lacks(host, index),
      urgent: urgent(),
      piecesPer60Ms: (bps * 0.06) / subject.geometry.pieceSize,
      saturated: limitBps > 0 && bps > 0.9 * limitBps,
    }
  }

  async #fetch(wanted: InFlight): Promise<void> {
    const parent = this.#peers.get(wanted.from)
    if (parent === undefined) return
    const fetch: OpenFetch = { ...wanted, abort: new AbortController(), arrived: false }
    const { signal } = fetch.abort
    this.#ledger.add(fetch)
    const bytes = pieceLength(this.#options.subject.geometry, wanted.index)
    let into: Buffer | undefined
    try {
      await this.#options.budget.enter(bytes, signal)
      into = this.#options.buffers.take(bytes)
      for (const limit of this.#options.limits) await limit.take(bytes, signal)
      const piece = await this.#options.client.fetch({
        parent,
        subject: this.#options.subject,
        index: wanted.index,
        priority: wanted.priority,
        ticket: this.#ticket,
        signal,
        into,
        onBytes: this.#options.onBytes,
      })
      fetch.arrived = true
      await this.#keep(wanted, piece)
    } catch (error) {
      if (!signal.aborted && !this.#stopped) this.#failed(wanted, toAppError(error))
    } finally {
      if (into !== undefined) {
        this.#options.buffers.giveBack(into)
        this.#options.budget.leave(bytes)
      }
      this.#ledger.remove(fetch)
      this.pump()
    }
  }

  async #keep(wanted: InFlight, piece: FetchedPiece): Promise<void> {
    try {
      await this.#options.accept(wanted.index, piece, wanted.from)
    } catch (error) {
      if (!this.#stopped) this.#options.onStorageError(toAppError(error, 'STORAGE_FAILED'))
    }
  }

  #failed({ from, index, priority }: InFlight, error: AppError): void {
    if (isAppError(error, 'PIECE_NOT_YET')) {
      if (priority === 'repair') this.#ledger.markLacking(from, index)
      return
    }
    if (isAppError(error, 'PARENT_BUSY')) {
      this.#avoid(from, AVOID_BUSY_MS)
      return
    }
    if (isAppError(error, 'PIECE_ABSENT')) this.#ledger.markLacking(from, index)
    if (priority === 'repair' && isAppError(error, 'PIECE_ABSENT')) return
    if (isAppError(error, 'PIECE_INVALID')) {
      this.#ledger.avoid(from, Number.POSITIVE_INFINITY)
      this.#options.report({
        type: 'bad',
        task: this.#options.subject.task,
        parent: from,
        piece: index,
      })
    } else {
      this.#avoid(from, from === this.#options.seed() ? AVOID_SEED_MS : AVOID_LOST_MS)
      this.#reportLost(from)
    }
    this.#ledger.abortHost(from)
  }

  /** Leaves a host alone for so long; there may be nobody else to ask meanwhile, so it is looked at again then. */
  #avoid(host: HostId, forMs: number): void {
    this.#ledger.avoid(host, forMs)
    setTimeout(() => this.pump(), forMs + 1).unref()
  }

  #reportLost(parent: HostId): void {
    const now = this.#options.now()
    if (now - (this.#reportedAt.get(parent) ?? Number.NEGATIVE_INFINITY) < REPORT_AGAIN_MS) return
    this.#reportedAt.set(parent, now)
    this.#options.report({ type: 'lost', task: this.#options.subject.task, parent })
  }
}
