import type { IncomingMessage, ServerResponse } from 'node:http'
import { BufferPool, type Logger } from '@df/kit'
import { AppError, isAppError, toAppError } from '@df/proto'
import type { FastifyInstance } from 'fastify'
import { serveBlob } from './blobs.ts'
import { Exchange } from './exchange.ts'
import { forward } from './forward.ts'
import {
  blobUnavailable,
  ociError,
  refusalOf,
  unavailable,
  type WholeAnswer,
} from './oci-errors.ts'
import type { BlobPull, BlobServices, Pull } from './pull.ts'
import { blobPath, parseTarget } from './target.ts'
import type { Upstreams } from './upstreams.ts'
import { WrongBlobs } from './wrong-blobs.ts'

export interface RegistryRoutesOptions
  extends Omit<BlobServices, 'onRescue' | 'wrongBlobs' | 'buffers'> {
  upstreams: Upstreams
  logger: Logger
  /** Longest silence towards a caller; below the 10 s that no pull may stand still. */
  silenceMs?: number
}

/** Enough for some callers at once. */
const KEPT_BUFFER_BYTES = 4 * 1024 * 1024

/** `left`: the caller closed the connection; `cut`: we did, in the middle; `refused`: answered with an error of ours. */
type Outcome = 'complete' | 'left' | 'cut' | 'refused'

/** The OCI distribution API, its pull part, on `/v2/`. Rights are the registry's to give: see blobs.ts. */
export function registerRegistryRoutes(
  server: FastifyInstance,
  options: RegistryRoutesOptions,
): void {
  const { logger, silenceMs = 9800 } = options
  const services: BlobServices = {
    ...options,
    wrongBlobs: new WrongBlobs(),
    buffers: new BufferPool(KEPT_BUFFER_BYTES),
    onRescue({ what }, reason, at) {
      logger.warn(
        { repository: what.repository, digest: what.digest, at, ...reasonOf(reason) },
        'the engine failed, reading from the registry',
      )
    },
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = new Exchange(request, response, { silenceMs })
    let pull: Pull | undefined
    let failure: AppError | undefined
    let outcome: Outcome = 'complete'
    try {
      pull = readPull(exchange, options.upstreams)
      await (isBlobPull(pull) ? serveBlob(pull, services) : forward(pull, options))
    } catch (error) {
      outcome = exchange.callerLeft ? 'left' : exchange.headSent ? 'cut' : 'refused'
      if (outcome !== 'left') failure = toAppError(error)
      if (outcome === 'cut') exchange.cut()
      if (failure !== undefined && outcome === 'refused') {
        await exchange.sendWhole(answerTo(pull, failure))
      }
    }
    report(exchange, pull, outcome, failure)
  }

  function report(
    exchange: Exchange,
    pull: Pull | undefined,
    outcome: Outcome,
    failure: AppError | undefined,
  ): void {
    const { status = 0, bytesSent, firstByteMs } = exchange
    const kind = pull?.what.kind ?? 'unknown'
    options.metrics.countPull({ kind, status, bytesSent, firstByteMs })
    if (failure !== undefined) options.metrics.countError('mirror', failure.code)
    const line = {
      method: exchange.request.method,
      kind,
      ...describe(pull),
      status,
      outcome,
      bytes: bytesSent,
      durationMs: Math.round(exchange.elapsedMs()),
      ...(firstByteMs === undefined ? {} : { firstByteMs: Math.round(firstByteMs) }),
      ...(failure === undefined ? {} : reasonOf(failure)),
    }
    logger.info(line, 'pull answered')
    if (isAppError(failure, 'INTERNAL')) logger.error({ err: failure }, 'unforeseen error')
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
function readPull(exchange: Exchange, upstreams: Upstreams): Pull {
  const { what, path, ns } = parseTarget(exchange.request.url ?? '')
  return {
    method: exchange.request.method === 'HEAD' ? 'HEAD' : 'GET',
    what,
    upstream: upstreams.resolve(ns),
    path: what.kind === 'blob' ? blobPath(what.repository, what.digest) : path,
    exchange,
    received: { peers: 0, seed: 0, origin: 0 },
    directBytes: 0,
  }
}

function isBlobPull(pull: Pull): pull is BlobPull {
  return pull.what.kind === 'blob'
}

function reasonOf(error: AppError): { code: string; reason: string } {
  return { code: error.code, reason: error.message }
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
