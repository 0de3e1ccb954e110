/** Bounds the bytes of all pieces in flight in this process; those who wait are let in in order. */
export class ByteBudget {
  readonly #limit: number
  #used = 0
  readonly #waiting: { bytes: number; enter: () => void }[] = []

  constructor(limitBytes: number) {
    this.#limit = limitBytes
  }

  /** Waits for room; more than the whole budget is let in alone. @throws the signal's reason */
  async enter(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#used += bytes
      return
    }
    await new Promise<void>((resolve, reject) => {
      const entry = {
        bytes,
        enter: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1)
        reject(signal.reason)
        this.#admit()
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(entry)
    })
  }

  leave(bytes: number): void {
    this.#used -= bytes
    this.#admit()
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#limit
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#fits(next.bytes)) return
      this.#waiting.shift()
      this.#used += next.bytes
      next.enter()
    }
  }
}
