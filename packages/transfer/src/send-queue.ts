import { AppError } from '@df/proto'

export interface SendQueueOptions {
  /** Sends that run at once before new ones wait. */
  slots: number
  /** A send that runs longer than this no longer counts for a slot: its receiver is slow, not this host. */
  slowAfterMs: number
  /** Most sends at once, slow ones included. */
  maxSends: number
  /** How long a send may wait for its turn. */
  maxWaitMs: number
}

export const defaultSendQueueOptions: SendQueueOptions = {
  slots: 4,
  slowAfterMs: 250,
  maxSends: 64,
  maxWaitMs: 1000,
}

interface Waiting {
  key: number
  start(): void
}

/**
 * Decides which of the waiting sends goes next: the one with the smallest key. With the piece index as the
 * key the oldest piece goes first, which keeps the stripes of a swarm level (scheduling study §5.5).
 */
export class SendQueue {
  readonly #options: SendQueueOptions
  readonly #waiting: Waiting[] = []
  #counted = 0
  #sending = 0

  constructor(options: SendQueueOptions = defaultSendQueueOptions) {
    this.#options = options
  }

  /** Sends running now. */
  get sending(): number {
    return this.#sending
  }

  /**
   * Waits for a turn. The result must be called once when the send is over.
   * @throws AppError PARENT_BUSY when no turn came within the wait; the signal's reason when it aborts
   */
  async enter(key: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (!this.#isFree()) await this.#turn(key, signal)
    const leave = this.#begin()
    this.#next()
    return leave
  }

  #isFree(): boolean {
    return this.#counted < this.#options.slots && this.#sending < this.#options.maxSends
  }

  #turn(key: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        const at = this.#waiting.indexOf(entry)
        if (at >= 0) this.#waiting.splice(at, 1)
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
      }
      const entry: Waiting = {
        key,
        start() {
          leave()
          resolve()
        },
      }
      const onAbort = () => {
        leave()
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        leave()
        reject(new AppError('PARENT_BUSY', 'no upload slot came free in time'))
      }, this.#options.maxWaitMs)
      signal.addEventListener('abort', onAbort, { once: true })
      let at = this.#waiting.length
      while (at > 0 && (this.#waiting[at - 1]?.key ?? 0) > key) at--
      this.#waiting.splice(at, 0, entry)
    })
  }

  #begin(): () => void {
    this.#sending++
    this.#counted++
    let counts = true
    const stopCounting = () => {
      if (!counts) return
      counts = false
      this.#counted--
    }
    const timer = setTimeout(() => {
      stopCounting()
      this.#next()
    }, this.#options.slowAfterMs)
    let over = false
    return () => {
      if (over) return
      over = true
      clearTimeout(timer)
      stopCounting()
      this.#sending--
      this.#next()
    }
  }

  #next(): void {
    // The woken one takes its slot in a microtask and then wakes the next.
    if (this.#isFree()) this.#waiting[0]?.start()
  }
}
