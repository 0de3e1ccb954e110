import { AppError, type ErrorCode } from '@df/proto'

/**
 * An abort signal that fires when nothing was heard for a while: `heard()` winds the clock, `pause()` stops it
 * (the receiver is the slow one), `stop()` ends it. Follows `parent` too.
 */
export interface SilenceWatch {
  readonly signal: AbortSignal
  heard(limitMs?: number): void
  pause(): void
  stop(): void
}

export function watchSilence(options: {
  limitMs: number
  code: ErrorCode
  message: string
  parent?: AbortSignal | undefined
}): SilenceWatch {
  const controller = new AbortController()
  const onParent = () => controller.abort(options.parent?.reason)
  if (options.parent?.aborted === true) onParent()
  options.parent?.addEventListener('abort', onParent, { once: true })
  let timer: NodeJS.Timeout | undefined
  const pause = () => {
    clearTimeout(timer)
    timer = undefined
  }
  const heard = (limitMs = options.limitMs) => {
    pause()
    timer = setTimeout(() => controller.abort(new AppError(options.code, options.message)), limitMs)
  }
  heard()
  return {
    signal: controller.signal,
    heard,
    pause,
    stop() {
      pause()
      options.parent?.removeEventListener('abort', onParent)
    },
  }
}
