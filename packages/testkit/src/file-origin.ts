import { createHash } from 'node:crypto'
import type { BlobSource } from './blob-source.ts'
import { type FaultServer, type FaultServerOptions, startFaultServer } from './fault-server.ts'
import { rangedAnswer } from './ranged-answer.ts'

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
    return rangedAnswer(source, request, fault, { etag: tagOf(source) })
  }, options)
  return { ...server, files }
}
