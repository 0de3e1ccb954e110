import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '@df/kit'
import { type AppError, headers, querySignature } from '@df/proto'
import { serveBlob } from '../serving/blobs.ts'
import { report, settle } from '../serving/ending.ts'
import { Exchange } from '../serving/exchange.ts'
import type { HeaderFields } from '../serving/headers.ts'
import { blobUnavailable, refusalOf, type WholeAnswer } from '../serving/oci-errors.ts'
import type { BlobPull, BlobServices, Pull } from '../serving/pull.ts'
import { type FilePull, serveFile } from './files.ts'
import { type RedirectOrigins, type RedirectTarget, redirectedUrl } from './origins.ts'

export interface RedirectOptions {
  origins: RedirectOrigins
  /** Query parameters that do not decide the content, besides known signatures. */
  filterQuery: readonly string[]
  services: BlobServices
  logger: Logger
  /** Longest silence towards a caller; below the 10 s that no pull may stand still. */
  silenceMs: number
}

/**
 * Answers those whom a registry redirected to us: blobs by the path of their storage, and any other file. Whoever comes has
 * nothing to fall back to but the origin, so that is where we send him when we have nothing. Our own programs, which read the
 * registry for a swarm, go there at once: they would wait for themselves. For responses of the routes
 * `origin` and `storedBlob`, which nobody else answers.
 */
export function redirectHandler({
  origins,
  filterQuery,
  services,
  logger,
  silenceMs,
}: RedirectOptions): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const exchange = new Exchange(request, response, { silenceMs })
    let target: RedirectTarget | undefined
    let pull: BlobPull | FilePull | undefined
    const ending = await settle(
      exchange,
      async () => {
        target = origins.parse(request.url ?? '')
        if (request.headers[headers.originRead] !== undefined) {
          return exchange.sendWhole(toOrigin(target))
        }
        const common = commonOf(exchange, target)
        if (target.blob === undefined) {
          pull = { ...common, filterQuery }
          await serveFile(pull, services)
        } else {
          pull = blobPull(common, target.blob, target.query)
          await serveBlob(pull, services)
        }
      },
      (failure) => lastAnswer(target, failure),
    )
    report(exchange, ending, {
      logger,
      metrics: services.metrics,
      kind: target !== undefined && target.blob === undefined ? 'file' : 'blob',
      facts: {
        origin: target?.base,
        digest: target?.blob,
        received: pull === undefined ? undefined : { ...pull.received, direct: pull.directBytes },
      },
    })
  }
}

function commonOf(exchange: Exchange, target: RedirectTarget): Omit<Pull, 'what'> {
  const { request } = exchange
  return {
    method: request.method === 'HEAD' ? 'HEAD' : 'GET',
    upstream: target,
    path: redirectedUrl(target).slice(target.base.length),
    fields: fieldsForStorage(request),
    exchange,
    received: { peers: 0, seed: 0, origin: 0 },
    directBytes: 0,
  }
}

/** The right is in the query: what the caller shows its registry is none of the storage's business. */
function fieldsForStorage(request: IncomingMessage): HeaderFields {
  const { 'user-agent': userAgent } = request.headers
  return userAgent === undefined ? {} : { 'user-agent': userAgent }
}

function blobPull(
  common: Omit<Pull, 'what'>,
  digest: BlobPull['what']['digest'],
  query: string,
): BlobPull {
  return {
    ...common,
    what: { kind: 'blob', repository: '', digest },
    credential:
      query === ''
        ? { kind: 'header', authorization: undefined }
        : { kind: 'query', query, endsAtMs: querySignature(query)?.endsAtMs },
  }
}

function lastAnswer(target: RedirectTarget | undefined, failure: AppError): WholeAnswer {
  if (target === undefined) return refusalOf(failure)
  if (failure.code === 'ORIGIN_RATE_LIMITED') return blobUnavailable(failure)
  return toOrigin(target)
}

function toOrigin(target: RedirectTarget): WholeAnswer {
  return {
    status: 307,
    headers: { location: new URL(redirectedUrl(target)).href, 'content-length': '0' },
    body: Buffer.alloc(0),
  }
}
