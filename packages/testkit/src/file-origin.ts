import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { formatContentRange, formatUnsatisfiedRange, parseRangeHeader } from '@df/codec'
import type { BlobSource } from './blob-source.ts'
import {
  type Answer,
  type FaultServer,
  type FaultServerOptions,
  startFaultServer,
} from './fault-server.ts'
import type { FaultRule } from './faults.ts'

export interface FileOrigin extends FaultServer {
  /** What is served, by path as it stands in the request; may be changed while it runs. */
  readonly files: Map<string, BlobSource>
}

/** A plain web server for files of any size, with ranges, an ETag per content, fault rules and a log. */
export async function startFileOrigin(options: FaultServerOptions = {}): Promise<FileOrigin> {
  const files = new Map<string, BlobSource>()
  const tags = new Map<BlobSource, string>()
  const tagOf = (source: BlobSource) => {
    const tag = tags.get(source) ?? createHash('sha256').update(`${tags.size}`).digest('hex')
    tags.set(source, tag)
    return `"${tag.slice(0, 16)}"`
  }
  const server = await startFaultServer(async (request, fault) => {
    const source = files.get((request.url ?? '').split('?')[0] ?? '')
    if (source === undefined) return { status: 404, headers: { 'content-length': 0 }, body: [] }
    return fileAnswer(source, tagOf(source), request, fault)
  }, options)
  return { ...server, files }
}

function fileAnswer(
  source: BlobSource,
  etag: string,
  request: IncomingMessage,
  { noRange = false }: FaultRule,
): Answer {
  const size = source.sizeBytes
  const condition = request.headers['if-range']
  const isRanged = !noRange && (condition === undefined || condition === etag)
  const range = isRanged ? parseRangeHeader(request.headers.range, size) : undefined
  if (range === 'unsatisfiable') {
    const headers = { 'content-range': formatUnsatisfiedRange(size), 'content-length': 0 }
    return { status: 416, headers, body: [] }
  }
  const { start, end } = range ?? { start: 0, end: size }
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      etag,
      'content-length': end - start,
      ...(noRange ? {} : { 'accept-ranges': 'bytes' }),
      ...(range === undefined ? {} : { 'content-range': formatContentRange(start, end, size) }),
    },
    body: request.method === 'HEAD' ? [] : source.read(start, end),
  }
}
