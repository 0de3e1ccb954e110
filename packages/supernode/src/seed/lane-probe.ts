/**
 * Decides how many connections to an origin are worth their while. More connections spread the reading over
 * the content, so that its beginning comes later; they are kept only when the origin limits each connection,
 * that is when one more makes the whole at least a quarter faster.
 */
export class LaneProbe {
  readonly #maxLanes: number
  #lanes = 1
  #rateBefore = 0
  #settled = false

  constructor(maxLanes: number) {
    this.#maxLanes = maxLanes
    this.#settled = maxLanes <= 1
  }

  /** Lanes to run from now on, given what all of them read together in the last interval. */
  sample(bytesPerSecond: number): number {
    if (this.#settled) return this.#lanes
    if (this.#lanes > 1 && bytesPerSecond < this.#rateBefore * 1.25) {
      this.#lanes--
      this.#settled = true
      return this.#lanes
    }
    this.#rateBefore = bytesPerSecond
    this.#lanes++
    this.#settled = this.#lanes > this.#maxLanes
    if (this.#settled) this.#lanes = this.#maxLanes
    return this.#lanes
  }

  /** The origin refused a further connection: never more than `lanes` from now on. */
  limit(lanes: number): void {
    this.#lanes = Math.max(1, lanes)
    this.#settled = true
  }
}
