import type { AppError } from '@df/proto'

/** How long a refusal by the origin is remembered, for those who come with the same source. */
const REFUSAL_MS = 1500

/** What origins refused a moment ago, by source. */
export class RefusalMemory {
  readonly #nowMs: () => number
  readonly #refusals = new Map<string, { error: AppError; untilMs: number }>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  remember(sourceKey: string, error: AppError): void {
    this.#refusals.set(sourceKey, { error, untilMs: this.#nowMs() + REFUSAL_MS })
  }

  recall(sourceKey: string): AppError | undefined {
    const now = this.#nowMs()
    for (const [key, { untilMs }] of this.#refusals) {
      if (untilMs <= now) this.#refusals.delete(key)
    }
    return this.#refusals.get(sourceKey)?.error
  }
}
