/**
 * Buffers that are used again: a fresh buffer per piece costs more in garbage collection and page faults than
 * copying it. Whoever gives a buffer back must not touch it afterwards.
 */
export class BufferPool {
  readonly #maxBytes: number
  readonly #free: Buffer[] = []
  #freeBytes = 0

  /** `maxBytes`: what is kept for later at most. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** A buffer of exactly this length, with anything in it. */
  take(length: number): Buffer {
    const at = this.#free.findLastIndex((buffer) => buffer.length === length)
    const [buffer] = at < 0 ? [] : this.#free.splice(at, 1)
    if (buffer === undefined) return Buffer.allocUnsafeSlow(length)
    this.#freeBytes -= length
    return buffer
  }

  giveBack(buffer: Buffer): void {
    this.#free.push(buffer)
    this.#freeBytes += buffer.length
    while (this.#freeBytes > this.#maxBytes) {
      const dropped = this.#free.shift()
      this.#freeBytes -= dropped?.length ?? 0
    }
  }
}
