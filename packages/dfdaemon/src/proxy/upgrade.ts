import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { originErrorOf } from '@df/kit'
import { passedOn } from './fields.ts'
import { MAX_HEADER_BYTES } from './forward.ts'
import { joinSockets } from './join-sockets.ts'
import type { Outgoing } from './outgoing.ts'
import type { Target } from './target.ts'

export interface Upgrade {
  request: IncomingMessage
  socket: Socket
  /** What came behind the request's head. */
  head: Buffer
  target: Target
  /** What goes to the origin, without fields of the connection. */
  fields: readonly string[]
  outgoing: Outgoing
}

/**
 * Whether the request is one to change the protocol. HTTP/2 in plain text is not passed on, and nobody needs it; a request
 * whose body has no length is answered as a plain one.
 */
export function wantsUpgrade({ headers }: IncomingMessage): boolean {
  const { upgrade, 'transfer-encoding': coding } = headers
  return upgrade !== undefined && !/\bh2c\b/i.test(upgrade) && coding === undefined
}

/**
 * Passes a request to change the protocol (RFC 9110 §7.8; WebSocket) on, and then whatever both sides say. Gives the status
 * of the answer when all is over.
 * @throws AppError ORIGIN_* when nothing was sent yet
 */
export async function passUpgrade({
  request,
  socket,
  head,
  target,
  fields,
  outgoing,
}: Upgrade): Promise<number> {
  const asked = httpRequest({
    agent: outgoing.freshAgent(target.scheme),
    host: target.host,
    port: target.port,
    method: request.method,
    path: target.path,
    headers: [...fields, 'Connection', 'Upgrade', 'Upgrade', request.headers.upgrade ?? ''],
    setHost: false,
    maxHeaderSize: MAX_HEADER_BYTES,
  })
  const left = new AbortController()
  const leave = () => {
    left.abort()
    asked.destroy()
  }
  socket.once('close', leave)
  // Node takes the body for the first words of the new protocol (docker exec has one).
  const bodyBytes = Number(request.headers['content-length'] ?? 0)
  const early = head.subarray(bodyBytes)
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  asked.once('upgrade', (answer, upstream: Socket, upstreamHead) => {
    socket.off('close', leave)
    socket.write(headOf(answer))
    socket.unshift(early)
    upstream.unshift(upstreamHead)
    joinSockets(socket, upstream).then(() => resolve(101), reject)
  })
  asked.once('response', (answer) => {
    passRefusal(request, socket, answer).then(() => resolve(answer.statusCode ?? 502), reject)
  })
  asked.on('error', (error) => reject(originErrorOf(error)))
  Readable.from(
    bodyOf(socket, head.subarray(0, bodyBytes), { bodyBytes, signal: left.signal }),
  ).pipe(asked)
  return await promise
}

/** The body of a request whose socket is no longer read as HTTP: what came with its head, and what is still to come. */
async function* bodyOf(
  socket: Socket,
  begun: Buffer,
  { bodyBytes, signal }: { bodyBytes: number; signal: AbortSignal },
): AsyncGenerator<Buffer, void, undefined> {
  if (begun.length > 0) yield begun
  let toCome = bodyBytes - begun.length
  while (toCome > 0 && !signal.aborted) {
    const chunk = socket.read(Math.min(toCome, socket.readableLength || toCome)) as Buffer | null
    if (chunk === null)
      await once(socket, 'readable', { signal }).catch(() => {}) // it left: `asked` is told
    else {
      toCome -= chunk.length
      yield chunk
    }
  }
}

/** The origin does not change the protocol: its answer ends the connection. */
async function passRefusal(
  request: IncomingMessage,
  socket: Socket,
  answer: IncomingMessage,
): Promise<void> {
  const response = new ServerResponse(request)
  response.assignSocket(socket)
  response.sendDate = false
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, [
    ...passedOn(answer.rawHeaders),
    ...['connection', 'close'],
  ])
  await pipeline(answer, response)
  socket.destroySoon()
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`)
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}
