import type { StripeProgress } from './stripe-progress.ts'

/** A stripe counts as lagging from this many pieces per stripe, or this much time of the rate, behind others. */
const LAG_ROUNDS = 3
const LAG_MS = 150
/** From a quarter of that on a host says of itself that it is behind: who waits for it waits for somebody above. */
const BEHIND = 0.25
/** How long a lagging stripe is watched before its parent is called slow, and how far the others go meanwhile. */
const WATCH_MS = 300
const WATCH_ROUNDS = 4
/** It is slow when the stripe gets less than this part of what the others get. One that keeps pace has no slow parent any more. */
const SLOW = 0.8
/** Pieces come whole: half a round more or less is no difference. */
const TOLERANCE_ROUNDS = 0.5
/** A parent that has what is asked sends nearly all the time; one that waits for it itself sends in between. */
const SENDS = 0.75

/** What is known of a stripe since it was seen to lag. */
interface Watch {
  since: number
  front: number
  others: number
  /** How often it was looked at, and how often the parent was sending. */
  looks: number
  sending: number
}

export interface SlowFacts {
  readonly now: number
  /** Bytes per second that arrive. */
  readonly bps: number
  /** What the stripe's parent does for it. */
  readonly state: 'idle' | 'asked' | 'sends'
}

/**
 * Finds stripes that fall behind the other stripes of the same host. Comparing stripes with each other tells a slow
 * parent from a busy downlink or a slow origin: those hold up all stripes alike.
 */
export class SlowWatch {
  readonly #progress: StripeProgress
  readonly #pieceSize: number
  readonly #watches: (Watch | undefined)[]
  readonly #excused: boolean[]
  readonly #sorted: Int32Array

  constructor(progress: StripeProgress, pieceSize: number) {
    this.#progress = progress
    this.#pieceSize = pieceSize
    this.#watches = Array.from({ length: progress.stripes }, () => undefined)
    this.#excused = Array.from({ length: progress.stripes }, () => false)
    this.#sorted = new Int32Array(Math.max(0, progress.stripes - 1))
  }

  /** The stripe has another parent now: its lag, if any, begins anew. */
  forget(stripe: number): void {
    this.#watches[stripe] = undefined
    this.#excused[stripe] = false
  }

  /** What the stripe's parent said last: whether it is behind in the stripe itself. */
  excuse(stripe: number, isBehind: boolean): void {
    this.#excused[stripe] = isBehind
  }

  /**
   * Whether the stripe lags, and fell further behind while its parent was sending. To be asked every 100 ms or so; each
   * yes is of a time of its own.
   */
  isSlow(stripe: number, facts: SlowFacts): boolean {
    const { now, bps, state } = facts
    const { pieces, stripes } = this.#progress
    const front = this.#progress.front(stripe)
    const others = this.#frontOfOthers(stripe)
    if (state === 'idle' || front >= pieces || others - front < this.#lagPieces(bps)) {
      this.#watches[stripe] = undefined
      return false
    }
    const watch = this.#watches[stripe]
    if (watch === undefined) {
      this.#watches[stripe] = { since: now, front, others, looks: 0, sending: 0 }
      return false
    }
    watch.looks++
    if (state === 'sends') watch.sending++
    const theirs = others - watch.others
    if (now - watch.since < WATCH_MS || theirs < WATCH_ROUNDS * stripes) return false
    this.#watches[stripe] = { since: now, front, others, looks: 0, sending: 0 }
    if (this.#excused[stripe] === true) return false
    const ours = front - watch.front + TOLERANCE_ROUNDS * stripes
    return ours < SLOW * theirs && watch.sending >= SENDS * watch.looks
  }

  /** Whether this host is itself behind in the stripe, or nearly so. */
  isBehind(stripe: number, bps: number): boolean {
    const front = this.#progress.front(stripe)
    if (front >= this.#progress.pieces) return false
    // Stripes that are level differ by less than a round.
    const least = Math.max(2 * this.#progress.stripes, BEHIND * this.#lagPieces(bps))
    return this.#frontOfOthers(stripe) - front >= least
  }

  #lagPieces(bps: number): number {
    return Math.max(LAG_ROUNDS * this.#progress.stripes, (bps * LAG_MS) / 1000 / this.#pieceSize)
  }

  /** How far the middle one of the other stripes is: one that runs ahead does not make the rest slow. */
  #frontOfOthers(stripe: number): number {
    const sorted = this.#sorted
    let count = 0
    for (let other = 0; other < this.#progress.stripes; other++) {
      if (other !== stripe) sorted[count++] = this.#progress.front(other)
    }
    return sorted.sort()[count >> 1] ?? 0
  }
}
