import type { IncomingMessage } from 'node:http'
import { formatContentRange, formatUnsatisfiedRange, parseRangeHeader } from '@df/codec'
import type { BlobSource } from './blob-source.ts'
import type { Answer } from './fault-server.ts'
import type { FaultRule } from './faults.ts'

/** The answer to GET or HEAD for a content, with `Range` and `If-Range` honoured unless the rule says otherwise. */
export function rangedAnswer(
  source: BlobSource,
  request: IncomingMessage,
  { noRange = false }: FaultRule,
  headers: Answer['headers'] & { etag: string },
): Answer {
  const size = source.sizeBytes
  const condition = request.headers['if-range']
  const isRanged = !noRange && (condition === undefined || condition === headers.etag)
  const range = isRanged ? parseRangeHeader(request.headers.range, size) : undefined
  if (range === 'unsatisfiable') {
    const refused = { 'content-range': formatUnsatisfiedRange(size), 'content-length': 0 }
    return { status: 416, headers: refused, body: [] }
  }
  const { start, end } = range ?? { start: 0, end: size }
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...headers,
      'content-length': end - start,
      ...(noRange ? {} : { 'accept-ranges': 'bytes' }),
      ...(range === undefined ? {} : { 'content-range': formatContentRange(start, end, size) }),
    },
    body: request.method === 'HEAD' ? [] : source.read(start, end),
  }
}
