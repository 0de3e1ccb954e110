const TICKS = 20

/** A signal to be disposed of when it is no longer needed. */
interface WakingTimeout extends Disposable {
  readonly signal: AbortSignal
}

/**
 * Aborts when so much time has passed in which this process had its turn. On a host that starves us the answer we
 * wait for may lie there already: a clock that goes on regardless would give up on whoever sent it.
 */
export function wakingTimeout(timeoutMs: number): WakingTimeout {
  const abort = new AbortController()
  let ticks = 0
  const timer = setInterval(() => {
    if (++ticks < TICKS) return
    clearInterval(timer)
    abort.abort(new DOMException('no answer in time', 'TimeoutError'))
  }, timeoutMs / TICKS)
  timer.unref()
  return { signal: abort.signal, [Symbol.dispose]: () => clearInterval(timer) }
}
