import type { Logger } from '@df/kit'
import { type AppError, isAppError, toAppError } from '@df/proto'
import type { ServingMetrics } from './content-engine.ts'
import type { Exchange } from './exchange.ts'
import type { WholeAnswer } from './oci-errors.ts'

/**
 * How an exchange ended: `left` when the caller closed the connection, `cut` when we did, in the middle, `refused` when
 * it was answered with a last answer of ours.
 */
export interface Ending {
  outcome: 'complete' | 'left' | 'cut' | 'refused'
  failure: AppError | undefined
}

/**
 * Does the work of an exchange. When that fails, the caller gets `lastAnswer`, or a cut connection where bytes are on
 * their way already.
 */
export async function settle(
  exchange: Exchange,
  work: () => Promise<void>,
  lastAnswer: (failure: AppError) => WholeAnswer,
): Promise<Ending> {
  try {
    await work()
    return { outcome: 'complete', failure: undefined }
  } catch (error) {
    if (exchange.callerLeft) return { outcome: 'left', failure: undefined }
    const failure = toAppError(error)
    if (exchange.headSent) {
      exchange.cut()
      return { outcome: 'cut', failure }
    }
    await exchange.sendWhole(lastAnswer(failure))
    return { outcome: 'refused', failure }
  }
}

export interface ReportOptions {
  logger: Logger
  metrics: ServingMetrics
  kind: string
  /** What the log says besides. */
  facts: Readonly<Record<string, unknown>>
}

/** Counts and logs an exchange that ended. */
export function report(
  exchange: Exchange,
  { outcome, failure }: Ending,
  { logger, metrics, kind, facts }: ReportOptions,
): void {
  const { status = 0, bytesSent, firstByteMs } = exchange
  metrics.countPull({ kind, status, bytesSent, firstByteMs })
  if (failure !== undefined) metrics.countError('mirror', failure.code)
  const line = {
    method: exchange.request.method,
    kind,
    ...facts,
    status,
    outcome,
    bytes: bytesSent,
    durationMs: Math.round(exchange.elapsedMs()),
    ...(firstByteMs === undefined ? {} : { firstByteMs: Math.round(firstByteMs) }),
    ...(failure === undefined ? {} : reasonOf(failure)),
  }
  logger.info(line, 'pull answered')
  if (isAppError(failure, 'INTERNAL')) logger.error({ err: failure }, 'unforeseen error')
}

/** An error as fields of a log line. */
export function reasonOf({ code, message, hint }: AppError): Record<string, string> {
  return { code, reason: message, ...(hint === undefined ? {} : { hint }) }
}
