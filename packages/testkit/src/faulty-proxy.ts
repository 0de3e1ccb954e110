import { Agent, type IncomingMessage, request as plainRequest } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import {
  type Answer,
  type FaultServer,
  type FaultServerOptions,
  startFaultServer,
} from './fault-server.ts'
import type { FaultRule } from './faults.ts'

export interface FaultyProxyOptions extends FaultServerOptions {
  /** Base URL of what it stands in front of. */
  upstream: string
  /** Authority that an https upstream's certificate comes from, PEM. */
  upstreamCa?: string
}

/** A reverse proxy that logs and injects faults, so that real servers can be made to fail. */
export async function startFaultyProxy(options: FaultyProxyOptions): Promise<FaultServer> {
  const upstream = new URL(options.upstream)
  const isTls = upstream.protocol === 'https:'
  const ca = options.upstreamCa === undefined ? {} : { ca: options.upstreamCa }
  const agent = isTls ? new TlsAgent({ keepAlive: true, ...ca }) : new Agent({ keepAlive: true })
  const forwarded = options.tls === undefined ? {} : { 'x-forwarded-proto': 'https' }

  const server = await startFaultServer(async (request, fault) => {
    const answer = await ask(request, fault).catch(() => undefined)
    if (answer === undefined) return { status: 502, headers: {} }
    return { status: answer.statusCode ?? 502, headers: endToEnd(answer.headers), body: answer }
  }, options)

  function ask(request: IncomingMessage, { noRange = false }: FaultRule): Promise<IncomingMessage> {
    const { range, ...others } = request.headers
    const kept = noRange || range === undefined ? others : { ...others, range }
    return new Promise((resolve, reject) => {
      const asked = (isTls ? tlsRequest : plainRequest)(new URL(request.url ?? '/', upstream), {
        method: request.method,
        headers: { ...kept, ...forwarded },
        agent,
      })
      asked.once('response', resolve).once('error', reject)
      request.pipe(asked)
    })
  }

  return {
    ...server,
    async stop() {
      agent.destroy()
      await server.stop()
    },
  }
}

/** Headers that are not about one connection only (RFC 9110 §7.6.1). */
function endToEnd(headers: IncomingMessage['headers']): Answer['headers'] {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...kept } = headers
  const entries = Object.entries(kept).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return Object.fromEntries(entries)
}
