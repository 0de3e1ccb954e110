import { AppError } from '@df/proto'
import {
  defaultServeOrderOptions,
  type RateEstimate,
  ServeOrder,
  type ServeOrderOptions,
} from '@df/scheduling'

export interface SendQueueOptions extends ServeOrderOptions {
  /** Told when sends wait for others, so that it knows what the link carries. */
  link?: RateEstimate
  /** The host's own limit for uploads in bytes per second, 0 for none. */
  limitBps?(): number
  /** Monotonic clock, in milliseconds. */
  now?: () => number
}

interface Waiting {
  start(): void
  expire(): void
}

/**
 * Lets sends through one by one: {@link ServeOrder} decides which goes next and when; here are the promises, signals and
 * timers around it.
 */
export class SendQueue {
  readonly #order: ServeOrder<Waiting>
  readonly #link: RateEstimate | undefined
  readonly #limitBps: () => number
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined

  constructor(options: Partial<SendQueueOptions> = {}) {
    this.#order = new ServeOrder({ ...defaultServeOrderOptions, ...options })
    this.#link = options.link
    this.#limitBps = options.limitBps ?? (() => 0)
    this.#now = options.now ?? (() => performance.now())
  }

  /** Sends running now. */
  get sending(): number {
    return this.#order.running
  }

  /**
   * Waits for a turn; `receiver` is any name of who gets it. The result must be called once when the send is over.
   * @throws AppError PARENT_BUSY when no turn came within the wait; the signal's reason when it aborts
   */
  async enter(key: number, receiver: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    const turn = Promise.withResolvers<void>()
    const onAbort = () => {
      // One whose turn has come already begins, and ends by its own means.
      if (this.#order.remove(entry)) turn.reject(signal.reason)
      this.#goOn()
    }
    const entry: Waiting = {
      start: turn.resolve,
      expire: () => turn.reject(new AppError('PARENT_BUSY', 'no upload slot came free in time')),
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#order.enqueue(key, entry, { receiver, now: this.#now() })
    this.#goOn()
    try {
      await turn.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
    return () => {
      this.#order.finished(entry, this.#now())
      this.#goOn()
    }
  }

  /** Starts what may start, gives up what waited too long, and comes again when the next such moment is due. */
  #goOn(): void {
    const now = this.#now()
    for (const entry of this.#order.expired(now)) entry.expire()
    const facts = { now, sentBps: this.#link?.sendingBps(now), upBps: this.#upBps }
    for (let next = this.#order.take(facts); next !== undefined; next = this.#order.take(facts)) {
      next.start()
    }
    this.#link?.setBacklog(this.#order.waiting > 0, now)
    clearTimeout(this.#timer)
    const dueMs = this.#order.nextDueMs(now)
    if (dueMs !== undefined) this.#timer = setTimeout(() => this.#goOn(), dueMs + 1)
  }

  get #upBps(): number | undefined {
    return this.#limitBps() || this.#link?.upBps
  }
}
