import { AppError, type ErrorCode, isAppError } from '@df/proto'

const codes: Readonly<Record<string, ErrorCode>> = {
  UND_ERR_BODY_TIMEOUT: 'ORIGIN_STALLED',
  UND_ERR_HEADERS_TIMEOUT: 'ORIGIN_STALLED',
  EPROTO: 'ORIGIN_TLS',
  HOSTNAME_MISMATCH: 'ORIGIN_TLS',
}
const tlsCode =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|CRL_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|INVALID_CA$)/

/**
 * What a request to an origin failed with, as an AppError: ORIGIN_REFUSED (address guard), ORIGIN_TLS,
 * ORIGIN_STALLED or ORIGIN_UNREACHABLE. Aborts and AppErrors are given back unchanged.
 */
export function originErrorOf(error: unknown): Error {
  for (const reason of chainOf(error)) {
    if (isAppError(reason) || reason.name === 'AbortError') return reason
  }
  const reasons = [...chainOf(error)]
  const code = reasons.map(codeOf).find((found) => found !== '') ?? ''
  const message = sentenceOf(reasons[0]) || code || String(error)
  if (tlsCode.test(code) || codes[code] === 'ORIGIN_TLS') {
    return new AppError('ORIGIN_TLS', `no trusted connection to the origin: ${message}`, {
      cause: error,
      hint: 'give the authority that signed its certificate, or check that the origin speaks TLS there',
    })
  }
  const mapped = codes[code] ?? 'ORIGIN_UNREACHABLE'
  const what = mapped === 'ORIGIN_STALLED' ? 'the origin went silent' : 'the origin is unreachable'
  return new AppError(mapped, `${what}: ${message}`, { cause: error })
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
