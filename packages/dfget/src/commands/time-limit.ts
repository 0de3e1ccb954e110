import { formatDuration } from '@df/kit'
import { AppError } from '@df/proto'

/** Longest delay that setTimeout takes; a longer limit (25 days) is none in practice. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** A signal that aborts as the given one does, or with AppError TIMEOUT when the time is over. */
export class TimeLimit {
  readonly signal: AbortSignal
  readonly #timer: NodeJS.Timeout | undefined

  constructor(limitMs: number | undefined, outer: AbortSignal) {
    if (limitMs === undefined) {
      this.signal = outer
      return
    }
    const over = new AbortController()
    this.signal = AbortSignal.any([outer, over.signal])
    this.#timer = setTimeout(
      () => {
        over.abort(
          new AppError('TIMEOUT', `not done within ${formatDuration(limitMs)}`, {
            hint: 'run it again to go on, or allow more time with --timeout',
          }),
        )
      },
      Math.min(limitMs, MAX_TIMER_MS),
    )
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
