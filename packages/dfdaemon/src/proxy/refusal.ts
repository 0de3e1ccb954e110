import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

/** Answers with one sentence in place of the origin. */
export function refuse(response: ServerResponse, status: number, sentence: string): void {
  const body = `${sentence}\n`
  // A body that the caller may be sending is not read.
  response.writeHead(status, { ...fields(body), connection: 'close' })
  response.end(body)
}

/** A client that goes on sending after a refusal is cut then. */
const LINGER_MS = 2000

/**
 * The same on a connection that has no response: CONNECT and changes of the protocol. What the client still sends is
 * read for a while: a connection that is closed with bytes unread is reset, and the sentence may be lost with it.
 */
export function refuseSocket(socket: Socket, status: number, sentence: string): void {
  const body = `${sentence}\n`
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    ...Object.entries(fields(body)).map(([name, value]) => `${name}: ${value}`),
    'connection: close',
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
  // In place of resume(): who waits for the body of a request holds the flow.
  socket.on('readable', () => socket.read())
  const linger = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(linger))
}

function fields(body: string): Record<string, string> {
  return {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
  }
}
