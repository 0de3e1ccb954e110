export interface BackoffOptions {
  baseMs: number
  maxMs: number
  /** Gives a number in [0, 1). */
  random: () => number
}

/**
 * How long to wait before try number `attempt` (from 0): doubles from `baseMs` to `maxMs`, the upper half
 * drawn at random so that many callers do not come back at the same moment.
 */
export function backoffMs(attempt: number, { baseMs, maxMs, random }: BackoffOptions): number {
  const full = Math.min(maxMs, baseMs * 2 ** attempt)
  return full / 2 + (random() * full) / 2
}

/** @throws the signal's reason when it aborts first */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
