import type { BytesBySource } from '@df/proto'
import { RateMeter } from './rate-meter.ts'

const RATE_SECONDS = 4
/** The swarm counts as delivering when a piece came from it this recently. */
const DELIVERS_MS = 1000

/** Counts what a task received, from where, and when something last moved. */
export class TaskTally {
  readonly startedMs: number
  readonly #startedAtMs = Date.now()
  readonly #now: () => number
  readonly #meter: RateMeter
  readonly #received: BytesBySource = { peers: 0, seed: 0, origin: 0 }
  #haveBytes = 0
  #lastActivityMs: number
  #lastSwarmPieceMs = Number.NEGATIVE_INFINITY
  #firstByteMs: number | undefined
  #finishedAtMs: number | undefined

  constructor(now: () => number) {
    this.#now = now
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
  resumed(bytes: number): void {
    this.#haveBytes += bytes
  }

  received(source: keyof BytesBySource, bytes: number): void {
    this.active()
    this.#received[source] += bytes
    this.#haveBytes += bytes
    this.#meter.add(bytes)
    this.#firstByteMs ??= this.#now() - this.startedMs
    if (source !== 'origin') this.#lastSwarmPieceMs = this.#now()
  }

  finish(): void {
    this.#finishedAtMs = Date.now()
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
      startedAtMs: this.#startedAtMs,
      firstByteMs: this.#firstByteMs,
      finishedAtMs: this.#finishedAtMs,
    }
  }
}
