/** Bytes of the last few seconds, in slots of 250 ms. */
export class RateMeter {
  readonly #now: () => number
  readonly #slots: number[]
  #slot = 0

  constructor(now: () => number, seconds = 4) {
    this.#now = now
    this.#slots = Array.from({ length: seconds * 4 }, () => 0)
    this.#slot = this.#current()
  }

  add(bytes: number): void {
    this.#roll()
    const at = this.#slot % this.#slots.length
    this.#slots[at] = (this.#slots[at] ?? 0) + bytes
  }

  /** Bytes per second over the whole window. */
  bps(): number {
    this.#roll()
    return (this.#slots.reduce((sum, bytes) => sum + bytes, 0) * 4) / this.#slots.length
  }

  #current(): number {
    return Math.floor(this.#now() / 250)
  }

  #roll(): void {
    const current = this.#current()
    const stale = Math.min(current - this.#slot, this.#slots.length)
    for (let back = 0; back < stale; back++) this.#slots[(current - back) % this.#slots.length] = 0
    this.#slot = current
  }
}
