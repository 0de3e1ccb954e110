export interface TokenBucketOptions {
  /** Bytes per second; 0 means no limit. */
  bps: number
  /** Bytes that may pass at once after a pause; 100 ms of the rate when absent. */
  burstBytes?: number
  /** Monotonic clock, in milliseconds. */
  now?: () => number
}

interface Waiter {
  bytes: number
  resolve: () => void
}

/**
 * Rate limit that many callers share; they are served in the order they asked. A caller may take more than
 * the burst: it waits for a full bucket and leaves it in debt, so the rate holds whatever the chunk sizes.
 */
export class TokenBucket {
  readonly #now: () => number
  readonly #fixedBurst: number | undefined
  readonly #waiters: Waiter[] = []
  #bps = 0
  #burst = 1
  #tokens = 0
  #filledAt: number
  #timer: NodeJS.Timeout | undefined

  constructor({ bps, burstBytes, now = () => performance.now() }: TokenBucketOptions) {
    this.#now = now
    this.#fixedBurst = burstBytes
    this.#filledAt = now()
    this.#apply(bps)
    this.#tokens = this.#burst
  }

  /** Bytes per second now; 0 means no limit. */
  get bps(): number {
    return this.#bps
  }

  /** Changes the rate for those waiting too. 0 lets everybody through. */
  setRate(bps: number): void {
    this.#fill()
    this.#apply(bps)
    this.#tokens = Math.min(this.#tokens, this.#burst)
    this.#serve()
  }

  /**
   * Resolves when `bytes` may pass.
   * @throws the signal's reason when it aborts first
   */
  take(bytes: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
        reject(signal?.reason)
        this.#serve()
      }
      const waiter: Waiter = {
        bytes,
        resolve: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(waiter)
      this.#serve()
    })
  }

  #apply(bps: number): void {
    if (!(bps >= 0)) throw new RangeError(`a rate cannot be ${bps}`)
    this.#bps = bps
    this.#burst = this.#fixedBurst ?? Math.max(1, bps / 10)
  }

  #fill(): void {
    const now = this.#now()
    const earned = (this.#bps * (now - this.#filledAt)) / 1000
    this.#tokens = Math.min(this.#burst, this.#tokens + earned)
    this.#filledAt = now
  }

  #serve(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#fill()
    for (let first = this.#waiters[0]; first !== undefined; first = this.#waiters[0]) {
      if (this.#bps > 0) {
        const missing = Math.min(first.bytes, this.#burst) - this.#tokens
        if (missing > 0) {
          const waitMs = Math.max(1, Math.ceil((missing / this.#bps) * 1000))
          // Longest delay that setTimeout takes; a longer wait is planned again when it ends.
          this.#timer = setTimeout(() => this.#serve(), Math.min(waitMs, 2 ** 31 - 1))
          return
        }
        this.#tokens -= first.bytes
      }
      this.#waiters.shift()
      first.resolve()
    }
  }
}
