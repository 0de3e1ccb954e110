import { type AppError, errorInfo, type OciErrorCode } from '@df/proto'
import type { HeaderFields } from './headers.ts'

/** An answer that is complete in memory. */
export interface WholeAnswer {
  status: number
  headers: HeaderFields
  body: Buffer
}

/** An error in the shape of the OCI distribution spec ("Error Codes"). */
export function ociError(status: number, code: OciErrorCode, message: string): WholeAnswer {
  const body = Buffer.from(JSON.stringify({ errors: [{ code, message, detail: null }] }))
  return {
    status,
    headers: { 'content-type': 'application/json', 'content-length': String(body.length) },
    body,
  }
}

/** A refusal of ours, with the status of its code. */
export function refusalOf(error: AppError): WholeAnswer {
  const { status, oci } = errorInfo(error.code)
  return ociError(status, oci, sentence(error))
}

/**
 * A registry that could not be asked, or whose answer cannot be used. Never 401 or 403, which would read as the
 * registry's own word on rights: every engine takes a 5xx as a reason to go to the registry itself.
 */
export function unavailable(error: AppError): WholeAnswer {
  return ociError(
    error.code === 'ORIGIN_STALLED' ? 504 : 502,
    errorInfo(error.code).oci,
    sentence(error),
  )
}

/**
 * The end of a blob request that brought no byte. What the registry said about rights, absence and rate is passed
 * on; anything else is 404, since docker repeats a 5xx for 75 s and a 404 sends every engine to its registry at once.
 */
export function blobUnavailable(error: AppError): WholeAnswer {
  const { status, wwwAuthenticate, retryAfter } = error.detail
  if (status !== 401 && status !== 403 && status !== 429) {
    return ociError(404, 'BLOB_UNKNOWN', sentence(error))
  }
  const answer = ociError(status, errorInfo(error.code).oci, sentence(error))
  if (wwwAuthenticate !== undefined) answer.headers['www-authenticate'] = String(wwwAuthenticate)
  if (retryAfter !== undefined) answer.headers['retry-after'] = String(retryAfter)
  return answer
}

function sentence(error: AppError): string {
  return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
}
