const WINDOW_MS = 5000

/** The rate over the last five seconds. */
export class RateMeter {
  readonly #samples: { atMs: number; bytes: number }[] = []

  /** Notes how many bytes there are in all now; gives bytes per second. */
  sample(atMs: number, bytes: number): number {
    this.#samples.push({ atMs, bytes })
    while ((this.#samples[1]?.atMs ?? atMs) < atMs - WINDOW_MS) this.#samples.shift()
    const first = this.#samples[0]
    if (first === undefined || first.atMs === atMs) return 0
    return Math.max(0, ((bytes - first.bytes) * 1000) / (atMs - first.atMs))
  }
}
