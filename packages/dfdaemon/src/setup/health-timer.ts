export interface HealthTimerOptions {
  /** How long it must be unhealthy to be down. */
  afterMs: number
  /** How long it must be healthy to be up again. */
  backMs: number
}

/** `unsure`: not long enough one or the other. */
export type Verdict = 'up' | 'down' | 'unsure'

/** Whether something is up or down, from looks at it, without haste: one bad moment is no reason to act. */
export class HealthTimer {
  readonly #options: HealthTimerOptions
  #isHealthy: boolean | undefined
  #sinceMs = 0

  constructor(options: HealthTimerOptions) {
    this.#options = options
  }

  /** Takes a look made at `nowMs`, of any clock that goes forward. */
  observe(isHealthy: boolean, nowMs: number): Verdict {
    if (isHealthy !== this.#isHealthy) {
      this.#isHealthy = isHealthy
      this.#sinceMs = nowMs
    }
    const passedMs = nowMs - this.#sinceMs
    if (isHealthy) return passedMs >= this.#options.backMs ? 'up' : 'unsure'
    return passedMs >= this.#options.afterMs ? 'down' : 'unsure'
  }
}
