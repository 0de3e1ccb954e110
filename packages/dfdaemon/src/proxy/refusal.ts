import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

/** Answers with one sentence in place of the origin. */
export function refuse(response: ServerResponse, status: number, sentence: string): void {
  const body = `${sentence}\n`
  // A body that the caller may be sending is not read.
  response.writeHead(status, { ...fields(body), connection: 'close' })
  response.end(body)
}

/** The same on a connection that has no response: CONNECT and changes of the protocol. */
export function refuseSocket(socket: Socket, status: number, sentence: string): void {
  const body = `${sentence}\n`
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    ...Object.entries(fields(body)).map(([name, value]) => `${name}: ${value}`),
    'connection: close',
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
  socket.destroySoon()
}

function fields(body: string): Record<string, string> {
  return {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
  }
}
