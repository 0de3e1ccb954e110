import type { IncomingHttpHeaders } from 'node:http'
import {
  type ByteRange,
  formatContentRange,
  formatUnsatisfiedRange,
  parseRangeHeader,
} from '@df/codec'
import type { Digest } from '@df/proto'
import type { HeaderFields } from './headers.ts'
import { ociError, type WholeAnswer } from './oci-errors.ts'

export interface BlobHead {
  status: 200 | 206
  headers: HeaderFields
}

/**
 * The `Range` to honour: one range, and none when `If-Range` names another content (RFC 9110 §13.1.5). A blob has
 * one strong entity tag for ever, its digest; a date says nothing about it.
 */
export function requestedRange(request: IncomingHttpHeaders, digest: Digest): string | undefined {
  const condition = request['if-range']
  if (condition !== undefined && condition !== entityTag(digest)) return undefined
  const isReadable = parseRangeHeader(request.range, Number.MAX_SAFE_INTEGER) !== undefined
  return isReadable ? request.range : undefined
}

/** Whether the caller has the blob already: `If-None-Match` (RFC 9110 §13.1.2). */
export function isNotModified(request: IncomingHttpHeaders, digest: Digest): boolean {
  const tags = request['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags !== undefined && (tags.includes('*') || tags.includes(entityTag(digest)))
}

/** Head of a whole blob; without a size its length stays open. */
export function wholeHead(digest: Digest, size: number | undefined): BlobHead {
  const headers = blobFields(digest)
  if (size !== undefined) headers['content-length'] = String(size)
  return { status: 200, headers }
}

/** Head of a part, of a blob whose size may be unknown. */
export function partHead(
  digest: Digest,
  { start, end }: ByteRange,
  size: number | undefined,
): BlobHead {
  const headers = blobFields(digest)
  headers['content-length'] = String(end - start)
  headers['content-range'] = formatContentRange(start, end, size)
  return { status: 206, headers }
}

/** A range outside the blob. */
export function unsatisfiable(digest: Digest, size: number): WholeAnswer {
  const answer = ociError(416, 'SIZE_INVALID', `the blob has ${size} bytes`)
  answer.headers['content-range'] = formatUnsatisfiedRange(size)
  answer.headers['docker-content-digest'] = digest
  answer.headers['accept-ranges'] = 'bytes'
  return answer
}

export function notModified(digest: Digest): WholeAnswer {
  return {
    status: 304,
    headers: { etag: entityTag(digest), 'docker-content-digest': digest },
    body: Buffer.alloc(0),
  }
}

/** What every answer with a blob says. Never a content coding, whatever the caller would accept. */
function blobFields(digest: Digest): HeaderFields {
  return {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    'docker-distribution-api-version': 'registry/2.0',
    'accept-ranges': 'bytes',
    etag: entityTag(digest),
  }
}

function entityTag(digest: Digest): string {
  return `"${digest}"`
}
