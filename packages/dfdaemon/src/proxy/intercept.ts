import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { createSecureContext, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { MAX_HEADER_BYTES } from './forward.ts'
import { type HostAndPort, type HostPatterns, isHostName } from './host-pattern.ts'
import type { LeafCache } from './leaf-cache.ts'
import type { PinnedClients } from './pinned-clients.ts'
import { wantsUpgrade } from './upgrade.ts'

/** What requests inside opened TLS are answered with. */
export interface OpenedHandlers {
  answer(request: IncomingMessage, response: ServerResponse, at: HostAndPort): void
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer, at: HostAndPort): void
}

export interface InterceptorOptions {
  /** Certificates are made for these only, whatever name a client asks for in its handshake. */
  hosts: HostPatterns
  leaves: LeafCache
  clients: PinnedClients
  handlers: OpenedHandlers
  /** A client would not have our certificate. */
  onRefused(at: HostAndPort, reason: string): void
}

interface Opened {
  at: HostAndPort
  client: string
  requests: number
  /** Requests that are not answered yet, and changes of the protocol, which never are. */
  pending: number
}

const HANDSHAKE_MS = 10_000
const IDLE_MS = 900_000

/** Ends the TLS of clients with certificates of our own, and serves the HTTP/1.1 inside. */
export class Interceptor {
  readonly #options: InterceptorOptions
  readonly #server: Server
  readonly #opened = new Map<Socket, Opened>()
  #isDraining = false

  constructor(options: InterceptorOptions) {
    this.#options = options
    this.#server = this.#createServer()
  }

  /** Clients whose TLS ends here. */
  get size(): number {
    return this.#opened.size
  }

  /**
   * Takes over a connection whose next bytes are a TLS client's first, until it is closed. `client`: see
   * {@link PinnedClients}.
   * @throws what making the certificate throws; the connection is not touched then
   */
  async take(socket: Socket, at: HostAndPort, client: string): Promise<undefined> {
    const { hosts, leaves, clients, onRefused } = this.#options
    const { cert, key } = await leaves.leafFor(at.host)
    // One for each connection, so that its events belong to this client; it never listens.
    const tls = createTlsServer({
      cert,
      key,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: HANDSHAKE_MS,
      SNICallback: (name, callback) => {
        const isListed = isHostName(name) && hosts.matches({ host: name, port: at.port })
        if (name === at.host || !isListed) return callback(null)
        leaves.leafFor(name).then(
          (leaf) => callback(null, createSecureContext(leaf)),
          (error: Error) => callback(error),
        )
      },
    })
    tls.once('secureConnection', (opened) =>
      this.#serve(opened, { at, client, requests: 0, pending: 0 }),
    )
    tls.once('tlsClientError', (error: NodeJS.ErrnoException) => {
      const told = error.code?.startsWith('ERR_SSL_') === true
      if (clients.refused(client, { told })) onRefused(at, error.code ?? 'left')
      socket.destroy()
    })
    // Else a client that just closes the connection would be heard of when the time for the handshake is over.
    socket.allowHalfOpen = false
    tls.emit('connection', socket)
    await closed(socket)
    return undefined
  }

  /** Ends the connections that nothing is under way on, and the others when their answers are out. */
  drain(): void {
    this.#isDraining = true
    for (const [socket, { pending }] of this.#opened) if (pending === 0) socket.destroy()
  }

  #serve(socket: TLSSocket, opened: Opened): void {
    const { clients, onRefused } = this.#options
    this.#opened.set(socket, opened)
    socket.on('error', () => {}) // `close` follows
    socket.once('close', () => {
      this.#opened.delete(socket)
      // Some clients look at the certificate only after the handshake.
      if (opened.requests > 0 || this.#isDraining) return
      if (clients.refused(opened.client, { told: false })) onRefused(opened.at, 'left')
    })
    this.#server.emit('connection', socket)
  }

  #answered(socket: Socket): void {
    const opened = this.#opened.get(socket)
    if (opened === undefined) return
    opened.pending--
    if (this.#isDraining && opened.pending === 0) socket.destroySoon()
  }

  #createServer(): Server {
    const server = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: 65_000,
      // Uploads take as long as they take.
      requestTimeout: 0,
      headersTimeout: 0,
      noDelay: true,
      shouldUpgradeCallback: wantsUpgrade,
    })
    server.timeout = IDLE_MS
    const admit = (request: IncomingMessage): HostAndPort | undefined => {
      const opened = this.#opened.get(request.socket)
      if (opened === undefined) return undefined
      if (opened.requests++ === 0) this.#options.clients.accepted(opened.client)
      opened.pending++
      return opened.at
    }
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      const at = admit(request)
      if (at === undefined) return void response.destroy()
      if (this.#isDraining) response.shouldKeepAlive = false
      const { socket } = request
      response.once('close', () => this.#answered(socket))
      this.#options.handlers.answer(request, response, at)
    }
    server.on('request', answer)
    server.on('checkContinue', answer) // the origin's word is passed on
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const at = admit(request)
      if (at === undefined) return void socket.destroy()
      this.#options.handlers.upgrade(request, socket, head, at)
    })
    return server
  }
}

async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return
  await new Promise((resolve) => socket.once('close', resolve))
}
