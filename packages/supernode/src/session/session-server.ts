import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { isLoopbackAddress, type Logger } from '@df/kit'
import {
  type HostId,
  MAX_FRAME_BYTES,
  type MessageOf,
  PROTOCOL_VERSION,
  routes,
  type SupernodeMessage,
} from '@df/proto'
import { type WebSocket, WebSocketServer } from 'ws'
import type { HostLink, TaskMessage } from '../swarm/host-link.ts'
import { HostSession } from './host-session.ts'
import { seedUrlOf } from './seed-url.ts'

const BEAT_MS = 500
/** How long ending sessions may take to say goodbye. */
const GOODBYE_MS = 500

/** Who hears of sessions. */
interface SessionListener {
  connect(link: HostLink): void
  disconnect(link: HostLink): void
  receive(link: HostLink, message: TaskMessage): void
}

export interface SessionServerOptions {
  supernode: HostId
  /** Raw Ed25519 key, base64url. */
  publicKey: string
  reportEveryMs: number
  /** What the SuperNode sends to all hosts together at most; undefined without a limit. */
  upBps(): number | undefined
  /** Where all hosts reach the seed; found out for each session when absent. */
  advertise: string | undefined
  listener: SessionListener
  logger: Logger
}

/** The WebSocket side of the SuperNode: one session per host, the newest counts. */
export class SessionServer {
  readonly #options: SessionServerOptions
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: false,
  })
  readonly #sessions = new Set<HostSession>()
  readonly #byHost = new Map<HostId, HostSession>()
  #beat: NodeJS.Timeout | undefined

  constructor(options: SessionServerOptions) {
    this.#options = options
  }

  /** Hosts welcomed and not gone. */
  get size(): number {
    return this.#byHost.size
  }

  /** Takes over the upgrades of an HTTP server. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#beat = setInterval(() => {
      for (const session of this.#sessions) session.beat()
    }, BEAT_MS)
  }

  #welcome(): MessageOf<SupernodeMessage, 'welcome'> {
    const { supernode, publicKey, reportEveryMs } = this.#options
    const upBps = this.#options.upBps()
    return {
      type: 'welcome',
      protocol: PROTOCOL_VERSION,
      supernode,
      publicKey,
      reportEveryMs,
      ...(upBps === undefined ? {} : { upBps }),
    }
  }

  /** Says goodbye to all hosts; they look for another SuperNode at once. */
  async close(): Promise<void> {
    clearInterval(this.#beat)
    if (this.#sessions.size === 0) return
    const { promise: allGone, resolve } = Promise.withResolvers<void>()
    this.#onEmpty = resolve
    for (const session of this.#sessions) session.end()
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.terminate()
    }, GOODBYE_MS)
    await allGone
    clearTimeout(timer)
  }

  #onEmpty: () => void = () => {}

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = request.url?.split('?')[0]
    if (path !== routes.session.path) {
      refuseUpgrade(socket, '404 Not Found')
      return
    }
    // Browsers alone send Origin: no web page may open a session through one.
    if (request.headers.origin !== undefined) {
      refuseUpgrade(socket, '403 Forbidden')
      return
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#open(webSocket, request)
    })
  }

  #open(socket: WebSocket, request: IncomingMessage): void {
    const { advertise, listener, logger } = this.#options
    const session = new HostSession({
      socket,
      seedUrl: advertise ?? seedUrlOf(request),
      secure:
        request.socket instanceof TLSSocket ||
        isLoopbackAddress(request.socket.remoteAddress ?? ''),
      welcome: this.#welcome(),
      logger,
      opened: (link) => {
        this.#byHost.get(link.host)?.replaced()
        this.#byHost.set(link.host, session)
        logger.info({ host: link.host, url: link.url, hostProgram: link.program }, 'host connected')
        listener.connect(link)
      },
      received: (link, message) => {
        if (this.#byHost.get(link.host) === session) listener.receive(link, message)
      },
      closed: (link) => {
        this.#sessions.delete(session)
        if (this.#sessions.size === 0) this.#onEmpty()
        if (link === undefined || this.#byHost.get(link.host) !== session) return
        this.#byHost.delete(link.host)
        logger.info({ host: link.host }, 'host disconnected')
        listener.disconnect(link)
      },
    })
    this.#sessions.add(session)
  }
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => {}) // the caller may be gone already
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}
