import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'

export interface Tunnel {
  status: number
  /** What a proxy that refuses says. */
  body: string
  socket: Socket
}

/** Asks a proxy for a tunnel. */
export async function connectThrough(
  proxyUrl: string,
  authority: string,
  headers: Record<string, string> = {},
): Promise<Tunnel> {
  const { hostname: host, port } = new URL(proxyUrl)
  const asked = httpRequest({
    host,
    port,
    method: 'CONNECT',
    path: authority,
    headers,
    agent: false,
  })
  asked.end()
  const [answer, socket, head] = (await once(asked, 'connect')) as [IncomingMessage, Socket, Buffer]
  socket.on('error', () => {}) // told by `close`
  const status = answer.statusCode ?? 0
  if (status === 200) {
    socket.unshift(head)
    return { status, body: '', socket }
  }
  return { status, body: head.toString() + (await text(socket)), socket }
}

export interface TlsTunnelOptions {
  proxyUrl: string
  /** `HOST:PORT` */
  authority: string
  /** PEM, the only authority that is trusted. */
  ca: string
  headers?: Record<string, string>
  alpn?: string[]
}

/** A TLS connection through a tunnel. @throws what the client says of the certificate */
export async function tlsThrough(options: TlsTunnelOptions): Promise<TLSSocket> {
  const { proxyUrl, authority, ca, headers, alpn } = options
  const { status, body, socket } = await connectThrough(proxyUrl, authority, headers)
  if (status !== 200) throw new Error(`${status} ${body}`)
  const { hostname } = new URL(`https://${authority}`)
  const secure = tlsConnect({
    socket,
    ca,
    host: hostname,
    ...(/^[\d.]+$/.test(hostname) ? {} : { servername: hostname }),
    ...(alpn && { ALPNProtocols: alpn }),
  })
  await once(secure, 'secureConnect')
  return secure
}
