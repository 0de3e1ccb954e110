import type { Engine, OpenTask } from '@df/dfget'
import { PROBLEM_TYPE, problemOf } from '@df/kit'
import { Exchange } from '@df/oci'
import {
  AppError,
  canonicalUrl,
  type DownloadRequest,
  DownloadRequestSchema,
  headers,
  parseHttpUrl,
  routes,
} from '@df/proto'
import type { FastifyInstance } from 'fastify'
import { Compile } from 'typebox/compile'

const schema = Compile(DownloadRequestSchema)

/** Fields that describe the connection or the request itself: ours to set (RFC 9110 §7.6.1, §14.2). */
const ownFields = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Fetches any URL through this host's engine and streams it: what the dfget command uses when a dfdaemon runs. */
export function registerDownloadRoute(server: FastifyInstance, engine: Engine): void {
  server.post(routes.download.path, async (request, reply) => {
    const wanted = readRequest(request.body)
    // The engine says when the origin is silent, and a rate limit may be as low as it likes.
    const exchange = new Exchange(request.raw, reply.raw)
    const task = await openTask(engine, wanted, exchange.signal)
    try {
      const start = wanted.offset ?? 0
      if (start > task.contentLength) {
        throw new AppError('RANGE_INVALID', `the content has ${task.contentLength} bytes`)
      }
      reply.hijack()
      await exchange.send({
        status: 200,
        headers: {
          'content-type': 'application/octet-stream',
          'content-length': String(task.contentLength - start),
          [headers.task]: task.task,
        },
        body: task.read({ start, end: task.contentLength }, exchange.signal),
      })
    } catch (error) {
      if (!reply.sent) throw error
      if (!exchange.callerLeft) await endFailed(exchange, error)
    } finally {
      task.close()
    }
  })
}

async function openTask(
  engine: Engine,
  wanted: DownloadRequest,
  signal: AbortSignal,
): Promise<OpenTask> {
  const { url, digest, tag, application, filterQuery = [], rateLimitBps = 0 } = wanted
  return engine.open({
    identity: {
      kind: 'url',
      canonicalUrl: canonicalUrl(url, { filterQuery }),
      ...(digest === undefined ? {} : { digest }),
      ...(tag === undefined ? {} : { tag }),
      ...(application === undefined ? {} : { application }),
    },
    source: { url: parseHttpUrl(url).href, headers: originFields(wanted.headers), filterQuery },
    ...(rateLimitBps === 0 ? {} : { rateLimitBps }),
    confirm: true,
    signal,
  })
}

/** @throws AppError REQUEST_INVALID */
function readRequest(body: unknown): DownloadRequest {
  if (schema.Check(body)) return body
  const [first] = schema.Errors(body)
  const where = first === undefined ? '' : `${first.instancePath} ${first.message}`.trim()
  throw new AppError('REQUEST_INVALID', `not a download request: ${where}`)
}

/** @throws AppError REQUEST_INVALID for what is no header field */
function originFields(given: Readonly<Record<string, string>> = {}): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(given)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(value)) {
      throw new AppError('REQUEST_INVALID', 'a header field has a wrong name or value')
    }
    if (!ownFields.has(name.toLowerCase())) fields[name.toLowerCase()] = value
  }
  return fields
}

async function endFailed(exchange: Exchange, error: unknown): Promise<void> {
  if (exchange.headSent) return exchange.cut()
  const problem = problemOf(error)
  const body = Buffer.from(JSON.stringify(problem))
  await exchange.sendWhole({
    status: problem.status,
    headers: { 'content-type': PROBLEM_TYPE, 'content-length': String(body.length) },
    body,
  })
}
