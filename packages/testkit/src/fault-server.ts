import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { listen } from '@df/kit'
import { type Body, sendBody } from './fault-body.ts'
import { type FaultRule, FaultRules } from './faults.ts'
import { type RequestEntry, RequestLog } from './request-log.ts'

export interface Answer {
  status: number
  headers: Record<string, string | string[] | number>
  /** Absent for HEAD and for answers without content. */
  body?: Body
}

/** What the server would answer; of the rule it minds `noRange` only, the rest is done for it. */
export type Answerer = (request: IncomingMessage, fault: FaultRule) => Promise<Answer>

export interface FaultServerOptions {
  /** Default 127.0.0.1. */
  host?: string
  /** Default 0: a free one. */
  port?: number
  /** PEM; absent: plain http. */
  tls?: { key: string; cert: string }
  faults?: readonly FaultRule[]
}

export interface FaultServer {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly faults: FaultRules
  readonly log: RequestLog
  /** Cuts all connections. */
  stop(): Promise<void>
}

const none: FaultRule = { match: '' }
const controlPath = /^\/_(log|faults)$/

/**
 * A server whose answers go through fault rules, with a log. For other processes it has a control face:
 * `GET|DELETE /_log` and `GET|PUT|DELETE /_faults`, JSON; control requests are neither logged nor struck.
 */
export async function startFaultServer(
  answer: Answerer,
  { host = '127.0.0.1', port = 0, tls, faults }: FaultServerOptions,
): Promise<FaultServer> {
  const rules = new FaultRules(faults)
  const log = new RequestLog()
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const done = controlPath.test(request.url ?? '')
      ? control(request, response, rules, log)
      : exchange(request, response, rules, log, answer)
    done.catch(() => response.destroy())
  }
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve)
  server.keepAliveTimeout = 60_000
  const address = await listen(server, { host, port })
  return {
    ...address,
    faults: rules,
    log,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

async function exchange(
  request: IncomingMessage,
  response: ServerResponse,
  rules: FaultRules,
  log: RequestLog,
  answer: Answerer,
): Promise<void> {
  const { method = '', url = '', headers, socket } = request
  const entry = log.add({ method, url, headers, remotePort: socket.remotePort ?? 0 })
  const fault = rules.strike(method, url) ?? none
  if (fault !== none) entry.fault = fault
  response.once('close', () => {
    entry.durationMs = log.now() - entry.atMs
    entry.complete = response.writableFinished
  })
  if (fault.hang) return
  if (fault.reset) {
    socket.destroy()
    return
  }
  if (fault.delayMs !== undefined) await sleep(fault.delayMs)
  const given = injected(fault, request) ?? (await answer(request, fault))
  await send(response, given, fault, entry)
}

function injected(fault: FaultRule, request: IncomingMessage): Answer | undefined {
  const { redirect, status, body } = fault
  if (redirect !== undefined) {
    const base = redirect === 'loop' ? '' : redirect.replace(/\/$/, '')
    return { status: 307, headers: { location: `${base}${request.url}`, 'content-length': 0 } }
  }
  if (status === undefined) return undefined
  const bytes = Buffer.from(body ?? '{"errors":[{"code":"UNKNOWN","message":"injected"}]}')
  return {
    status,
    headers: { 'content-type': 'application/json', 'content-length': bytes.length },
    ...(request.method === 'HEAD' ? {} : { body: [bytes] }),
  }
}

async function send(
  response: ServerResponse,
  { status, headers, body }: Answer,
  fault: FaultRule,
  entry: RequestEntry,
): Promise<void> {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  for (const [name, value] of Object.entries(fault.headers ?? {}))
    if (value === null) response.removeHeader(name)
    else response.setHeader(name, value)
  if (fault.noLength) response.removeHeader('content-length')
  entry.status = status
  response.writeHead(status)
  response.flushHeaders()
  if (body === undefined) response.end()
  else await sendBody(response, body, fault, entry)
}

async function control(
  request: IncomingMessage,
  response: ServerResponse,
  rules: FaultRules,
  log: RequestLog,
): Promise<void> {
  const { method, url } = request
  if (url === '/_log' && method === 'DELETE') log.clear()
  if (url === '/_faults' && method === 'DELETE') rules.clear()
  if (url === '/_faults' && method === 'PUT')
    rules.set(...(JSON.parse(await text(request)) as FaultRule[]))
  const state = url === '/_log' ? log.entries : rules.list()
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(state))
}
