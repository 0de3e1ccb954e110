import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '@df/kit'
import {
  type BlobPull,
  type BlobServices,
  blobUnavailable,
  callerFields,
  Exchange,
  ociError,
  type Pull,
  refusalOf,
  report,
  serveBlob,
  settle,
  unavailable,
  type WholeAnswer,
} from '@df/oci'
import { AppError } from '@df/proto'
import type { FastifyInstance } from 'fastify'
import { forward } from './forward.ts'
import { blobPath, parseTarget } from './target.ts'
import type { Upstreams } from './upstreams.ts'

export interface RegistryRoutesOptions {
  services: BlobServices
  upstreams: Upstreams
  logger: Logger
  /** Longest silence towards a caller; below the 10 s that no pull may stand still. */
  silenceMs: number
}

/** The OCI distribution API, its pull part, on `/v2/`. Rights are the registry's to give: see blobs.ts. */
export function registerRegistryRoutes(
  server: FastifyInstance,
  { services, upstreams, logger, silenceMs }: RegistryRoutesOptions,
): void {
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = new Exchange(request, response, { silenceMs })
    let pull: Pull | undefined
    const ending = await settle(
      exchange,
      async () => {
        pull = readPull(exchange, upstreams)
        await (isBlobPull(pull) ? serveBlob(pull, services) : forward(pull, services))
      },
      (failure) => answerTo(pull, failure),
    )
    const kind = pull?.what.kind ?? 'unknown'
    report(exchange, ending, { logger, metrics: services.metrics, kind, facts: describe(pull) })
  }

  for (const url of ['/v2/', '/v2/*']) {
    server.route({
      method: server.supportedMethods,
      url,
      config: { enforces: 'registry' },
      onRequest: async (request, reply) => {
        if (request.method === 'GET' || request.method === 'HEAD') return
        const { status, headers, body } = refusalOf(
          new AppError('METHOD_NOT_ALLOWED', 'a mirror is read from: push to the registry itself'),
        )
        // Whatever body was announced is not read.
        return reply
          .code(status)
          .headers({ ...headers, allow: 'GET, HEAD', connection: 'close' })
          .send(body)
      },
      handler: async (request, reply) => {
        reply.hijack()
        await answer(request.raw, reply.raw)
      },
    })
  }
}

/** @throws AppError ROUTE_UNKNOWN, REQUEST_INVALID */
function readPull(exchange: Exchange, upstreams: Upstreams): Pull | BlobPull {
  const { request } = exchange
  const { what, path, ns } = parseTarget(request.url ?? '')
  const pull: Omit<Pull, 'what'> = {
    method: request.method === 'HEAD' ? 'HEAD' : 'GET',
    upstream: upstreams.resolve(ns),
    path,
    fields: callerFields(request),
    exchange,
    received: { peers: 0, seed: 0, origin: 0 },
    directBytes: 0,
  }
  if (what.kind !== 'blob') return { ...pull, what }
  return {
    ...pull,
    what,
    path: blobPath(what.repository, what.digest),
    credential: { kind: 'header', authorization: request.headers.authorization },
  }
}

function isBlobPull(pull: Pull | BlobPull): pull is BlobPull {
  return pull.what.kind === 'blob'
}

/** What a request that failed before anything was sent is answered with. */
function answerTo(pull: Pull | undefined, failure: AppError): WholeAnswer {
  if (pull === undefined) return refusalOf(failure)
  if (isBlobPull(pull)) return blobUnavailable(failure)
  // Without a registry behind it a mirror is not there: podman then takes the registry, docker does not mind.
  if (pull.what.kind === 'base') return ociError(503, 'UNKNOWN', failure.message)
  return unavailable(failure)
}

/** Never the query, which may hold a right. */
function describe(pull: Pull | undefined): Record<string, unknown> {
  if (pull === undefined) return {}
  const { what, upstream, received, directBytes } = pull
  const registry = upstream.base
  switch (what.kind) {
    case 'blob':
      return {
        registry,
        repository: what.repository,
        digest: what.digest,
        received: { ...received, direct: directBytes },
      }
    case 'manifest':
      return { registry, repository: what.repository, reference: what.reference }
    case 'referrers':
      return { registry, repository: what.repository, digest: what.digest }
    case 'tags':
    case 'uploads':
      return { registry, repository: what.repository }
    case 'base':
    case 'catalog':
      return { registry }
  }
}
