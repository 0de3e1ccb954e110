import type { BufferPool } from '@df/kit'

/** The chunks of one answer, from a pool. Each goes back when it has left the process, and only if it came from there. */
export class LentBuffers {
  readonly #pool: BufferPool
  readonly #lent = new Set<Buffer>()

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  take(length: number): Buffer {
    const buffer = this.#pool.take(length)
    this.#lent.add(buffer)
    return buffer
  }

  giveBack(chunk: Buffer): void {
    if (this.#lent.delete(chunk)) this.#pool.giveBack(chunk)
  }
}
