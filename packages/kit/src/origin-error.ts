import { AppError, type ErrorCode, isAppError } from '@df/proto'

const codes: Readonly<Record<string, ErrorCode>> = {
  UND_ERR_BODY_TIMEOUT: 'ORIGIN_STALLED',
  UND_ERR_HEADERS_TIMEOUT: 'ORIGIN_STALLED',
  UND_ERR_HEADERS_OVERFLOW: 'ORIGIN_FAILED',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'ORIGIN_FAILED',
  EPROTO: 'ORIGIN_TLS',
  HOSTNAME_MISMATCH: 'ORIGIN_TLS',
}
const sentences: Readonly<Partial<Record<ErrorCode, string>>> = {
  ORIGIN_FAILED: 'the origin does not speak proper HTTP',
  ORIGIN_STALLED: 'the origin went silent',
  ORIGIN_TLS: 'no trusted connection to the origin',
  ORIGIN_UNREACHABLE: 'the origin cannot be reached',
}
const tlsCode =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|CRL_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|INVALID_CA$)/

/**
 * What a request to an origin failed with, as an AppError: ORIGIN_REFUSED (address guard), ORIGIN_TLS,
 * ORIGIN_STALLED, ORIGIN_FAILED (not HTTP), TIMEOUT (of `AbortSignal.timeout`) or ORIGIN_UNREACHABLE. Aborts
 * and AppErrors are given back unchanged.
 */
export function originErrorOf(error: unknown): Error {
  const reasons = [...chainOf(error)]
  const final = reasons.find((reason) => isAppError(reason) || reason.name === 'AbortError')
  if (final !== undefined) return final
  if (reasons.some((reason) => reason.name === 'TimeoutError')) {
    return new AppError('TIMEOUT', 'the origin took longer than allowed', { cause: error })
  }
  const code = reasons.map(codeOf).find((found) => found !== '') ?? ''
  const notHttp = reasons.some((reason) => reason.name === 'HTTPParserError')
  const mapped = notHttp ? 'ORIGIN_FAILED' : errorCodeOf(code)
  const detail = sentenceOf(reasons[0]) || code || String(error)
  return new AppError(mapped, `${sentences[mapped]}: ${detail}`, {
    cause: error,
    ...(mapped === 'ORIGIN_TLS' && {
      hint: 'give the authority that signed its certificate, or check that the origin speaks TLS there',
    }),
  })
}

function errorCodeOf(code: string): ErrorCode {
  if (tlsCode.test(code)) return 'ORIGIN_TLS'
  return codes[code] ?? 'ORIGIN_UNREACHABLE'
}

/** The error, then its causes and the parts of an AggregateError (which `net.connect` throws), to a small depth. */
function* chainOf(error: unknown, depth = 0): Generator<Error> {
  if (!(error instanceof Error) || depth > 5) return
  yield error
  if (error instanceof AggregateError) {
    for (const part of error.errors) yield* chainOf(part, depth + 1)
  }
  yield* chainOf(error.cause, depth + 1)
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** OpenSSL's own messages name its source files; its reason is a few words. */
function sentenceOf(error: Error | undefined): string | undefined {
  if (error !== undefined && 'reason' in error && typeof error.reason === 'string')
    return error.reason
  return error?.message
}
