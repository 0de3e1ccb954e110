import { AppError, type ErrorCode, errorInfo, isAppError, type Problem } from '@df/proto'

/** The media type of {@link Problem} (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json'

/**
 * Any thrown value as the body our APIs answer with. What is not an AppError and not the caller's fault says
 * nothing about its reason: that is for the log.
 */
export function problemOf(error: unknown): Problem {
  const known = isAppError(error) ? error : requestErrorOf(error)
  if (known === undefined) return problem('INTERNAL', errorInfo('INTERNAL').status)
  const status = isAppError(error) ? errorInfo(known.code).status : clientStatus(error)
  return {
    ...problem(known.code, status ?? errorInfo(known.code).status),
    detail: known.message,
    ...(known.hint === undefined ? {} : { hint: known.hint }),
  }
}

function problem(code: ErrorCode, status: number): Problem {
  const { summary } = errorInfo(code)
  return { type: `urn:dragonfly:error:${code}`, title: summary, status, code }
}

/** Fastify's own refusals (body too large, schema not met, …) carry a 4xx `statusCode`. */
function requestErrorOf(error: unknown): AppError | undefined {
  if (clientStatus(error) === undefined || !(error instanceof Error)) return undefined
  return new AppError('REQUEST_INVALID', error.message, { cause: error })
}

function clientStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined
  const status = error.statusCode
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined
}
