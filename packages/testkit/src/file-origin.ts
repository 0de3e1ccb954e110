import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { BlobSource } from './blob-source.ts'
import {
  type Answer,
  type FaultServer,
  type FaultServerOptions,
  startFaultServer,
} from './fault-server.ts'
import { rangedAnswer } from './ranged-answer.ts'
import { signatureFault } from './signed-url.ts'

export interface FileOrigin extends FaultServer {
  /** What is served, by path as it stands in the request; may be changed while it runs. */
  readonly files: Map<string, BlobSource>
}

export interface FileOriginOptions extends FaultServerOptions {
  /** Answers only addresses that are signed with it (signed-url.ts). */
  signingKey?: string
}

/** A plain web server for files of any size, with ranges, an ETag per content, fault rules and a log. */
export async function startFileOrigin(options: FileOriginOptions = {}): Promise<FileOrigin> {
  const files = new Map<string, BlobSource>()
  const tags = new Map<BlobSource, string>()
  const tagOf = (source: BlobSource) => {
    const tag = tags.get(source) ?? createHash('sha256').update(`${tags.size}`).digest('hex')
    tags.set(source, tag)
    return `"${tag.slice(0, 16)}"`
  }
  const server = await startFaultServer(async (request, fault) => {
    const { method = '', url = '' } = request
    const denied = options.signingKey && signatureFault(options.signingKey, { method, url })
    if (denied) return refusal(denied, request)
    const source = files.get(url.split('?')[0] ?? '')
    if (source === undefined) return { status: 404, headers: { 'content-length': 0 }, body: [] }
    return rangedAnswer(source, request, fault, { etag: tagOf(source) })
  }, options)
  return { ...server, files }
}

/** As S3 says it. */
function refusal(reason: string, { method }: IncomingMessage): Answer {
  const body = Buffer.from(`<Error><Code>AccessDenied</Code><Message>${reason}</Message></Error>`)
  return {
    status: 403,
    headers: { 'content-type': 'application/xml', 'content-length': body.length },
    ...(method === 'HEAD' ? {} : { body: [body] }),
  }
}
