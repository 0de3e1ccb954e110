interface Waiting<Op> {
  ops: readonly Op[]
  resolve: () => void
  reject: (error: unknown) => void
}

/**
 * Writes operations in the order they came, all that gather while the one before is written as one batch:
 * a write costs about 40 µs however much is in it. One batch at a time, so order holds.
 */
export class GroupCommit<Op> {
  readonly #write: (ops: Op[]) => Promise<void>
  #waiting: Waiting<Op>[] = []
  #running: Promise<void> | undefined

  constructor(write: (ops: Op[]) => Promise<void>) {
    this.#write = write
  }

  /** Resolves when the operations are written; all of them or none. */
  commit(ops: readonly Op[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ops, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing waits any more. */
  async flushed(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await new Promise(setImmediate)
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#write(batch.flatMap(({ ops }) => ops))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#running = undefined
  }
}
