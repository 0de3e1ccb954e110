import { AppError, type ErrorCode } from '@df/proto'

/**
 * An origin's answer without content as an error: detail `status`, and `wwwAuthenticate` and `retryAfter`
 * when it sent them, so that a mirror can pass them on.
 */
export function originRefusal(
  status: number,
  answer: Readonly<Record<string, string>>,
  url: URL,
): AppError {
  const detail: Record<string, string | number> = { status }
  const challenge = answer['www-authenticate']
  const retryAfter = answer['retry-after']
  if (challenge !== undefined) detail['wwwAuthenticate'] = challenge
  if (retryAfter !== undefined) detail['retryAfter'] = retryAfter
  return new AppError(codeOf(status), `${url.host} answered ${status}`, { detail })
}

function codeOf(status: number): ErrorCode {
  switch (status) {
    case 401:
      return 'ORIGIN_UNAUTHORIZED'
    case 403:
      return 'ORIGIN_FORBIDDEN'
    case 404:
    case 410:
      return 'ORIGIN_NOT_FOUND'
    case 416:
      return 'RANGE_INVALID'
    case 429:
      return 'ORIGIN_RATE_LIMITED'
    default:
      return 'ORIGIN_FAILED'
  }
}
