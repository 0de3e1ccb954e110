import { type BytesBySource, type HostId, pieceCount, pieceLength } from '@df/proto'
import type { StoredContent } from '@df/storage'
import { RateMeter } from './rate-meter.ts'
import { Senders } from './senders.ts'
import { type KnownRates, type TaskFloor, taskFloor } from './task-floor.ts'

const RATE_SECONDS = 4
/** The swarm counts as delivering when a piece came from it this recently. */
const DELIVERS_MS = 1000

/** Counts what a task received, from where, and when something last moved. */
export class TaskTally {
  readonly startedMs: number
  readonly #startedAtMs = Date.now()
  readonly #now: () => number
  readonly #rates: () => KnownRates
  readonly #meter: RateMeter
  readonly #senders = new Senders()
  readonly #received: BytesBySource = { peers: 0, seed: 0, origin: 0 }
  #haveBytes = 0
  #lastActivityMs: number
  #lastSwarmPieceMs = Number.NEGATIVE_INFINITY
  #firstByteMs: number | undefined
  #finishedAtMs: number | undefined
  #durationMs: number | undefined
  #floor: TaskFloor | undefined
  #repeatedPieces = 0
  #repairedPieces = 0

  constructor(now: () => number, rates: () => KnownRates) {
    this.#now = now
    this.#rates = rates
    this.#meter = new RateMeter(now, RATE_SECONDS)
    this.startedMs = now()
    this.#lastActivityMs = this.startedMs
  }

  /** Something moved, though no piece is whole. */
  active(): void {
    this.#lastActivityMs = this.#now()
  }

  get lastActivityMs(): number {
    return this.#lastActivityMs
  }

  /** Pieces were here before the task began. */
  resumed(content: StoredContent): void {
    const { geometry } = content.meta
    for (let index = 0; index < pieceCount(geometry); index++) {
      if (content.has(index)) this.#haveBytes += pieceLength(geometry, index)
    }
  }

  /** A piece is stored; `from`: the host that sent it, none for the origin. */
  received(source: keyof BytesBySource, bytes: number, from: HostId | undefined): void {
    this.active()
    if (from !== undefined) this.#senders.add(from, bytes)
    this.#received[source] += bytes
    this.#haveBytes += bytes
    this.#meter.add(bytes)
    this.#firstByteMs ??= this.#now() - this.startedMs
    if (source !== 'origin') this.#lastSwarmPieceMs = this.#now()
  }

  /** A piece came that was here. */
  repeated(): void {
    this.#repeatedPieces++
  }

  /** A piece came of another host than its stripe's parent. */
  repaired(): void {
    this.#repairedPieces++
  }

  /** It has all. What it is measured by is taken now: the link may be seen to do more later. */
  finish(): void {
    this.#finishedAtMs = Date.now()
    const durationMs = this.#now() - this.startedMs
    const { peers, seed, origin } = this.#received
    this.#durationMs = durationMs
    this.#floor = taskFloor({ bytes: peers + seed + origin, durationMs }, this.#rates())
  }

  /** It ended otherwise. */
  fail(): void {
    this.#durationMs ??= this.#now() - this.startedMs
  }

  get haveBytes(): number {
    return this.#haveBytes
  }

  get bps(): number {
    return this.#meter.bps()
  }

  /** Rate over the last seconds; undefined before the task is old enough to judge. */
  get recentBps(): number | undefined {
    return this.#now() - this.startedMs < RATE_SECONDS * 1000 ? undefined : this.bps
  }

  get swarmDelivers(): boolean {
    return this.#now() - this.#lastSwarmPieceMs < DELIVERS_MS
  }

  snapshot() {
    return {
      received: { ...this.#received },
      senders: this.#senders.named(),
      repeatedPieces: this.#repeatedPieces,
      repairedPieces: this.#repairedPieces,
      durationMs: this.#durationMs ?? this.#now() - this.startedMs,
      floor: this.#floor,
      startedAtMs: this.#startedAtMs,
      firstByteMs: this.#firstByteMs,
      finishedAtMs: this.#finishedAtMs,
    }
  }
}
