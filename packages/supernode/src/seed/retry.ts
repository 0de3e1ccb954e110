import { sleep } from '@df/kit'
import { type AppError, toAppError } from '@df/proto'

const delaysMs = [0, 200, 500, 1000]
/** An origin that asks for a longer pause than this is not waited for. */
const MAX_RETRY_AFTER_MS = 2000

export interface RetryOptions {
  signal: AbortSignal
  /** A number that grows when a try got somewhere; the count of tries then starts again. */
  progress?(): number
}

/**
 * Tries again after transient errors: at once, then after 200, 500 and 1000 ms.
 * @throws the last error, an AppError; the signal's reason when aborted
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  { signal, progress = () => 0 }: RetryOptions,
): Promise<T> {
  let tries = 0
  for (;;) {
    const before = progress()
    try {
      return await attempt()
    } catch (cause) {
      signal.throwIfAborted()
      const error = toAppError(cause)
      if (progress() > before) tries = 0
      const delayMs = delaysMs[tries++]
      if (delayMs === undefined || !isTransient(error)) throw error
      await sleep(Math.max(delayMs, retryAfterMs(error) ?? 0), signal)
    }
  }
}

/** Whether the same request can succeed in a moment. */
export function isTransient(error: AppError): boolean {
  const { code, detail } = error
  if (code === 'ORIGIN_UNREACHABLE' || code === 'ORIGIN_STALLED') return true
  if (code !== 'ORIGIN_FAILED' && code !== 'ORIGIN_RATE_LIMITED') return false
  const status = Number(detail['status'] ?? 502)
  const passes = status >= 500 || status === 429 || status === 408 || status === 425
  return passes && (retryAfterMs(error) ?? 0) <= MAX_RETRY_AFTER_MS
}

/** Retry-After in seconds (RFC 9110 §10.2.3); its date form counts as too long to wait for. */
function retryAfterMs(error: AppError): number | undefined {
  const value = error.detail['retryAfter']
  if (value === undefined) return undefined
  const seconds = Number(value)
  return Number.isFinite(seconds) ? seconds * 1000 : Number.POSITIVE_INFINITY
}
