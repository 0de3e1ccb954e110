import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

interface OriginRequestEntry {
  method: string
  url: string
  range: string | undefined
  authorization: string | undefined
  sentBytes: number
  port: number
}

/** How the origin behaves; may be changed while it runs. */
export interface OriginBehaviour {
  content: Buffer
  etag?: string
  /** Answers 200 with everything whatever Range says. */
  noRange?: boolean
  /** Chunked, no Content-Length. */
  noLength?: boolean
  /** Cuts each answer after so many bytes. */
  cutAfter?: number
  /** Goes silent after so many bytes of an answer. */
  stallAfter?: number
  /** Bytes per second for each connection. */
  bps?: number
  /** Called before each answer; may answer itself (true), or change the behaviour. */
  before?(request: IncomingMessage, response: ServerResponse, nth: number): boolean | undefined
}

export interface Origin extends AsyncDisposable {
  url: string
  behaviour: OriginBehaviour
  requests: OriginRequestEntry[]
  sentBytes(): number
  stop(): Promise<void>
}

/** An HTTP origin that counts what it is asked. */
export async function startOrigin(behaviour: OriginBehaviour): Promise<Origin> {
  const origin: Origin = {
    url: '',
    behaviour,
    requests: [],
    sentBytes: () => origin.requests.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
    [Symbol.asyncDispose]: () => origin.stop(),
  }
  const server = createServer((request, response) => {
    const entry: OriginRequestEntry = {
      method: request.method ?? '',
      url: request.url ?? '',
      range: request.headers.range,
      authorization: request.headers.authorization,
      sentBytes: 0,
      port: request.socket.remotePort ?? 0,
    }
    origin.requests.push(entry)
    response.on('error', () => {})
    if (origin.behaviour.before?.(request, response, origin.requests.length) === true) return
    void answer(origin.behaviour, request, response, entry)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return origin
}

async function answer(
  behaviour: OriginBehaviour,
  request: IncomingMessage,
  response: ServerResponse,
  entry: OriginRequestEntry,
): Promise<void> {
  const { content, etag, noRange, noLength } = behaviour
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const ranged = from !== undefined && noRange !== true
  const start = ranged ? Number(from) : 0
  const end = ranged && to ? Math.min(Number(to) + 1, content.length) : content.length
  if (ranged && start >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end()
    return
  }
  response.writeHead(ranged ? 206 : 200, {
    ...(noLength === true ? {} : { 'content-length': end - start }),
    ...(ranged ? { 'content-range': `bytes ${start}-${end - 1}/${content.length}` } : {}),
    ...(etag === undefined ? {} : { etag }),
  })
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  await send(behaviour, content.subarray(start, end), response, entry)
}

async function send(
  { cutAfter, stallAfter, bps }: OriginBehaviour,
  body: Buffer,
  response: ServerResponse,
  entry: OriginRequestEntry,
): Promise<void> {
  const limit = Math.min(cutAfter ?? body.length, stallAfter ?? body.length, body.length)
  const step = bps === undefined ? 64 * 1024 : Math.max(1024, Math.floor(bps / 50))
  for (let at = 0; at < limit && !response.destroyed; at += step) {
    const part = body.subarray(at, Math.min(at + step, limit))
    entry.sentBytes += part.length
    await new Promise<void>((resolve) => {
      response.write(part, () => resolve())
    })
    if (bps !== undefined) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  if (limit === body.length) response.end()
  else if (cutAfter !== undefined && limit === cutAfter) {
    // What was written must reach the other side before the connection is cut.
    setTimeout(() => response.destroy(), 20)
  }
}
