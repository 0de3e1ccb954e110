import type { Progress } from './progress.ts'
import { RateMeter } from './rate-meter.ts'
import type { Reporter } from './reporter.ts'

export type Standing = Pick<Progress, 'bytes' | 'contentLength' | 'received'>

/** Tells a reporter regularly where a download stands. */
export class Ticker {
  readonly #timer: NodeJS.Timeout

  constructor(reporter: Reporter, standing: () => Standing) {
    const meter = new RateMeter()
    const startedAtMs = performance.now()
    meter.sample(startedAtMs, standing().bytes)
    this.#timer = setInterval(() => {
      const now = performance.now()
      const at = standing()
      reporter.progress({
        ...at,
        rateBps: meter.sample(now, at.bytes),
        elapsedMs: now - startedAtMs,
      })
    }, reporter.everyMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
