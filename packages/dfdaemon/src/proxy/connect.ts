import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from '@df/kit'
import { reasonOf } from '@df/oci'
import { type AppError, errorInfo, toAppError } from '@df/proto'
import type { HostAndPort, HostPatterns } from './host-pattern.ts'
import type { Interceptor } from './intercept.ts'
import { joinSockets } from './join-sockets.ts'
import type { Passage, PassageEnd, ProxyMetrics } from './metrics.ts'
import type { NoProxy } from './no-proxy.ts'
import { OriginTrust } from './origin-trust.ts'
import type { Outgoing } from './outgoing.ts'
import type { PinnedClients } from './pinned-clients.ts'
import { refuseSocket } from './refusal.ts'
import type { ProxyRules } from './rules.ts'

export interface ConnectorOptions {
  rules: ProxyRules
  bypass: NoProxy
  outgoing: Outgoing
  /** Hosts whose TLS is opened. */
  intercept: HostPatterns
  /** Absent: no TLS is opened. */
  interceptor: Interceptor | undefined
  clients: PinnedClients
  metrics: ProxyMetrics
  logger: Logger
}

/** A client's CONNECT. */
interface Connection {
  socket: Socket
  /** What came behind the request's head. */
  head: Buffer
  at: HostAndPort
  /** For {@link PinnedClients}. */
  client: string
}

/** What is said of a tunnel when it is over. */
interface Story {
  passage: Passage
  end: PassageEnd
  bytes: number
  failure?: AppError
}

/** A client that opened a tunnel and says nothing waits for the other side to speak first: no TLS. */
const FIRST_BYTE_MS = 1500
/** A client that says no more than this after a server's first words has ended the handshake with an alert. */
const ALERT_BYTES = 40
/** First byte of a TLS record that carries a ClientHello (RFC 8446 §5.1). */
const TLS_HANDSHAKE = 0x16

/** Answers CONNECT: with a plain tunnel, or by ending the TLS of hosts that are listed. */
export class Connector {
  readonly #options: ConnectorOptions
  readonly #trust: OriginTrust
  #tunnels = 0

  constructor(options: ConnectorOptions) {
    this.#options = options
    this.#trust = new OriginTrust(options.outgoing)
  }

  /** Plain tunnels that are open. */
  get tunnels(): number {
    return this.#tunnels
  }

  /** Never rejects. */
  async connect(
    request: IncomingMessage,
    { socket, head, at }: Omit<Connection, 'client'>,
  ): Promise<void> {
    const startedMs = performance.now()
    const client = `${request.headers['user-agent'] ?? ''}\n${at.host}:${at.port}`
    const connection: Connection = { socket, head, at, client }
    let story: Story | undefined
    try {
      story = await this.#serve(connection)
    } catch (error) {
      const failure = toAppError(error)
      story = { passage: 'tunnel', end: socket.destroyed ? 'left' : 'failed', bytes: 0, failure }
      if (socket.bytesWritten > 0) socket.destroy()
      else refuseSocket(socket, errorInfo(failure.code).status, failure.message)
    }
    if (story === undefined) return // its requests are told of, one by one
    const { metrics, logger } = this.#options
    const { passage, end, bytes, failure } = story
    metrics.count(passage, end, bytes)
    const durationMs = Math.round(performance.now() - startedMs)
    const reason = failure === undefined ? {} : reasonOf(failure)
    logger.info({ ...at, passage, end, bytes, durationMs, ...reason }, 'proxied')
  }

  /** Undefined when TLS was opened. @throws AppError ORIGIN_* */
  async #serve(connection: Connection): Promise<Story | undefined> {
    const { socket, head, at, client } = connection
    const { interceptor, outgoing } = this.#options
    let isEstablished = false
    if (interceptor !== undefined && (await this.#isToOpen(at, client))) {
      establish(socket)
      isEstablished = true
      if ((await firstByte(socket, head)) === TLS_HANDSHAKE) {
        return await interceptor.take(socket, at, client)
      }
    } else if (this.#isRefused(at)) {
      refuseSocket(socket, 403, 'a rule of this proxy refuses this address')
      return { passage: 'refused', end: 'complete', bytes: 0 }
    }
    const upstream = await outgoing.connect(at)
    if (!isEstablished) {
      establish(socket)
      socket.unshift(head)
    }
    return { passage: 'tunnel', end: 'complete', bytes: await this.#tunnel(connection, upstream) }
  }

  #isRefused({ host, port }: HostAndPort): boolean {
    const { bypass, rules } = this.#options
    if (bypass.matches({ host, port })) return false
    const name = host.includes(':') ? `[${host}]` : host
    return rules.decide(new URL(`https://${name}:${port}/`)).way === 'refuse'
  }

  /** Whether this client's TLS is to end here. @throws AppError ORIGIN_UNREACHABLE, ORIGIN_STALLED */
  async #isToOpen(at: HostAndPort, client: string): Promise<boolean> {
    const { intercept, bypass, clients, logger } = this.#options
    if (!intercept.matches(at) || bypass.matches(at) || clients.has(client)) return false
    const { trusted, isNews } = await this.#trust.check(at)
    if (!trusted && isNews) {
      logger.warn(
        { ...at, hint: 'name the authority of its certificate with --origin-ca' },
        'a host whose TLS is to be opened is not trusted by this one: its callers get plain tunnels',
      )
    }
    return trusted
  }

  /** Gives the bytes of both directions. */
  async #tunnel({ socket, client }: Connection, upstream: Socket): Promise<number> {
    let isAnswered = false
    let bytesAfterAnswer = 0
    upstream.once('data', () => {
      isAnswered = true
    })
    socket.on('data', ({ length }: Buffer) => {
      if (isAnswered) bytesAfterAnswer += length
    })
    this.#tunnels += 1
    await joinSockets(socket, upstream)
    this.#tunnels -= 1
    if (isAnswered && bytesAfterAnswer <= ALERT_BYTES) this.#options.clients.forget(client)
    return upstream.bytesRead + upstream.bytesWritten
  }
}

function establish(socket: Socket): void {
  socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
}

/** Of what the client says; it is left to be read. Undefined when it says nothing for a while. */
async function firstByte(socket: Socket, head: Buffer): Promise<number | undefined> {
  if (head.length > 0) {
    socket.unshift(head)
    return head[0]
  }
  const waiting = new AbortController()
  const timer = setTimeout(() => waiting.abort(), FIRST_BYTE_MS)
  try {
    await once(socket, 'readable', { signal: waiting.signal })
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
  const chunk = socket.read() as Buffer | null
  if (chunk === null) return undefined
  socket.unshift(chunk)
  return chunk[0]
}
