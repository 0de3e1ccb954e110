import type { StripeProgress } from './stripe-progress.ts'

/** A stripe counts as lagging from this many pieces per stripe, or this much time of the rate, behind others. */
const LAG_ROUNDS = 3
const LAG_MS = 150
/** How long it lags before its parent is called slow. */
const LASTS_MS = 300

/**
 * Finds stripes that lag behind the other stripes of the same host. Comparing stripes with each other tells a slow
 * parent from a busy downlink or a slow origin: those hold up all stripes alike.
 */
export class SlowWatch {
  readonly #progress: StripeProgress
  readonly #pieceSize: number
  readonly #lagsSince: Float64Array

  constructor(progress: StripeProgress, pieceSize: number) {
    this.#progress = progress
    this.#pieceSize = pieceSize
    this.#lagsSince = new Float64Array(progress.stripes).fill(Number.NaN)
  }

  /** The stripe has another parent now: its lag, if any, begins anew. */
  forget(stripe: number): void {
    this.#lagsSince[stripe] = Number.NaN
  }

  /** Whether the stripe has lagged long enough. `waits`: requests of it are open at its parent. To be asked every 100 ms or so. */
  isSlow(stripe: number, facts: { now: number; bps: number; waits: boolean }): boolean {
    if (!facts.waits || !this.#lags(stripe, facts)) {
      this.forget(stripe)
      return false
    }
    const since = this.#lagsSince[stripe] ?? Number.NaN
    if (Number.isNaN(since)) this.#lagsSince[stripe] = facts.now
    return facts.now - since >= LASTS_MS
  }

  /** At least half of the other stripes are well ahead, and go on. */
  #lags(stripe: number, { now, bps }: { now: number; bps: number }): boolean {
    const { stripes } = this.#progress
    const front = this.#progress.front(stripe)
    if (front >= this.#progress.pieces) return false
    const lag = Math.max(LAG_ROUNDS * stripes, (bps * LAG_MS) / 1000 / this.#pieceSize)
    // At a low rate a healthy stripe gets a piece only once in a round of all stripes.
    const roundMs = bps > 0 ? (stripes * this.#pieceSize * 1000) / bps : 0
    const goesOnMs = Math.max(LASTS_MS, 2 * roundMs)
    let ahead = 0
    for (let other = 0; other < stripes; other++) {
      if (other === stripe || this.#progress.front(other) - front < lag) continue
      if (now - this.#progress.movedAt(other) <= goesOnMs) ahead++
    }
    return ahead > 0 && 2 * ahead >= stripes - 1
  }
}
