import type { ReceiverPace, SlowReceiver } from '@df/scheduling'

const LOOK_MS = 100

export interface PaceWatchOptions {
  pace: ReceiverPace
  /** Monotonic clock, in milliseconds. */
  now(): number
  report(slow: SlowReceiver): void
}

/** Tells of receivers that turn out to be slower than others, as they do. */
export class PaceWatch {
  readonly #options: PaceWatchOptions
  #timer: NodeJS.Timeout | undefined

  constructor(options: PaceWatchOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { pace, now, report } = this.#options
    this.#timer = setInterval(() => {
      for (const slow of pace.slow(now())) report(slow)
    }, LOOK_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
  }
}
