import { redactText } from '@df/kit'
import { AppError, type ErrorCode } from '@df/proto'

/** What can be done about an error that does not say so itself. */
const hints: Partial<Record<ErrorCode, string>> = {
  CONTENT_CHANGED: 'run the command again',
  CONTENT_DIGEST_MISMATCH: 'check the URL and --digest',
  DISK_FULL: 'free some space, or choose another place with -O and --data-dir',
  ORIGIN_FAILED: 'try again later',
  ORIGIN_FORBIDDEN: 'check the URL and the credentials',
  ORIGIN_NOT_FOUND: 'check the URL',
  ORIGIN_RATE_LIMITED: 'try again later',
  ORIGIN_STALLED: 'run the command again to go on where it stopped',
  ORIGIN_TLS: 'name its authority with --cacert FILE, or take any certificate with --insecure',
  ORIGIN_TOO_MANY_REDIRECTS: 'check the URL',
  ORIGIN_UNAUTHORIZED: "give credentials with --header 'Authorization: …'",
  ORIGIN_UNREACHABLE: 'check the URL and the network',
}

/** The error with what a person at the terminal wants to know: which URL, and what to do. */
export function explain(error: AppError, url: string): AppError {
  const message = error.code.startsWith('ORIGIN_')
    ? `${redactText(url)}: ${error.message}`
    : error.message
  const hint = error.code === 'ORIGIN_TLS' ? hints.ORIGIN_TLS : (error.hint ?? hints[error.code])
  return new AppError(error.code, message, {
    cause: error,
    detail: error.detail,
    ...(hint === undefined ? {} : { hint }),
  })
}
