import type { AppError, PieceIndex } from '@df/proto'

interface Wait {
  sinceMs: number
  promise: Promise<void>
  resolve(): void
  reject(error: AppError): void
}

/** Who waits for which piece, and which pieces readers will want next. */
export class PieceWaits {
  readonly #now: () => number
  readonly #waits = new Map<PieceIndex, Wait>()
  readonly #windows = new Set<{ start: PieceIndex; end: PieceIndex }>()
  #error: AppError | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  /** When the longest wait of now began. */
  get oldestSinceMs(): number | undefined {
    return this.#oldest()?.[1].sinceMs
  }

  /** The piece that was waited for longest. */
  get oldestIndex(): PieceIndex | undefined {
    return this.#oldest()?.[0]
  }

  get windows(): { start: PieceIndex; end: PieceIndex }[] {
    return [...this.#windows]
  }

  /** Announces the pieces a reader wants next; change the returned object as it goes on, and drop it at the end. */
  addWindow(window: { start: PieceIndex; end: PieceIndex }): () => void {
    this.#windows.add(window)
    return () => this.#windows.delete(window)
  }

  /** Resolves when the piece is told by {@link stored}. @throws AppError of {@link fail}; the signal's reason */
  async wait(index: PieceIndex, signal?: AbortSignal): Promise<void> {
    if (this.#error !== undefined) throw this.#error
    let wait = this.#waits.get(index)
    if (wait === undefined) {
      wait = { sinceMs: this.#now(), ...Promise.withResolvers<void>() }
      wait.promise.catch(() => {}) // every waiter meets it below
      this.#waits.set(index, wait)
    }
    if (signal === undefined) return wait.promise
    signal.throwIfAborted()
    const aborted = Promise.withResolvers<never>()
    const onAbort = () => aborted.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([wait.promise, aborted.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  stored(index: PieceIndex): void {
    this.#waits.get(index)?.resolve()
    this.#waits.delete(index)
  }

  /** Everybody who waits, now and later, gets the error. */
  fail(error: AppError): void {
    this.#error = error
    for (const wait of this.#waits.values()) wait.reject(error)
    this.#waits.clear()
  }

  #oldest(): [PieceIndex, Wait] | undefined {
    let oldest: [PieceIndex, Wait] | undefined
    for (const entry of this.#waits) {
      if (oldest === undefined || entry[1].sinceMs < oldest[1].sinceMs) oldest = entry
    }
    return oldest
  }
}
