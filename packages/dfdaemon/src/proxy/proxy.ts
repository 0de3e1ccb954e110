import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type Diversion, isLoopbackAddress } from '@df/kit'
import { reasonOf } from '@df/oci'
import { errorInfo, toAppError } from '@df/proto'
import { type HostAndPort, type HostPatterns, readHostAndPort } from './host-pattern.ts'
import { Interceptor } from './intercept.ts'
import { joinSockets } from './join-sockets.ts'
import type { LeafCache } from './leaf-cache.ts'
import type { PassageEnd } from './metrics.ts'
import { OriginTrust } from './origin-trust.ts'
import { PinnedClients } from './pinned-clients.ts'
import { refuse, refuseSocket } from './refusal.ts'
import { ProxyRequests, type ProxyRequestsOptions } from './requests.ts'
import { isAbsoluteForm, readAbsoluteForm, readOriginForm, type Target } from './target.ts'
import { wantsUpgrade } from './upgrade.ts'

export interface ProxyOptions extends ProxyRequestsOptions {
  /** Hosts whose TLS is opened; needs `leaves`. */
  intercept: HostPatterns
  /** Certificates for them; absent: no TLS is opened. */
  leaves: LeafCache | undefined
}

/** Requests and tunnels at a time; more are refused. */
const MAX_OPEN = 2000
/** A client that opened a tunnel and says nothing waits for the other side to speak first: no TLS. */
const FIRST_BYTE_MS = 1500
/** A client that says no more than this after a server's first words has ended the handshake with an alert. */
const ALERT_BYTES = 40
/** First byte of a TLS record that carries a ClientHello (RFC 8446 §5.1). */
const TLS_HANDSHAKE = 0x16

/** The proxy part of a listener: requests in absolute form and CONNECT, from programs of this host only. */
export class Proxy implements Diversion {
  readonly #options: ProxyOptions
  readonly #requests: ProxyRequests
  readonly #interceptor: Interceptor | undefined
  readonly #clients = new PinnedClients()
  readonly #trust: OriginTrust
  #open = 0
  #tunnels = 0

  constructor(options: ProxyOptions) {
    this.#options = options
    this.#requests = new ProxyRequests(options)
    this.#trust = new OriginTrust(options.outgoing)
    if (options.leaves !== undefined) this.#interceptor = this.#createInterceptor(options.leaves)
  }

  get tunnels(): number {
    return this.#tunnels
  }

  /** Connections whose TLS ends here. */
  get opened(): number {
    return this.#interceptor?.size ?? 0
  }

  readonly takesUpgrade = (request: IncomingMessage): boolean =>
    isAbsoluteForm(request.url) && wantsUpgrade(request)

  readonly divert = (request: IncomingMessage, response: ServerResponse): boolean => {
    if (!isAbsoluteForm(request.url)) return false
    this.#answer(request, response, readAbsoluteForm(request.url ?? ''))
    return true
  }

  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#upgrade(request, socket, head, readAbsoluteForm(request.url ?? ''))
  }

  connect(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => {}) // `close` follows
    const refusal = this.#refusalOf(request)
    const at = readHostAndPort(request.url ?? '')
    if (refusal !== undefined) return refuseSocket(socket, ...refusal)
    if (at === undefined) return refuseSocket(socket, 400, 'write CONNECT HOST:PORT')
    void this.#counted(this.#connect(request, socket, head, at))
  }

  /** Answers under way go on; no connection is kept for more. */
  drain(): void {
    this.#interceptor?.drain()
  }

  /** Cuts what is still under way, and closes the connections kept for more. */
  stop(): void {
    this.#options.outgoing.destroy()
  }

  #answer(request: IncomingMessage, response: ServerResponse, target: Target | undefined): void {
    const refusal = this.#refusalOf(request)
    if (refusal !== undefined) return refuse(response, ...refusal)
    if (target === undefined)
      return refuse(response, 400, 'this is no address that a proxy can ask')
    void this.#counted(this.#requests.answer(request, response, target))
  }

  #upgrade(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    target: Target | undefined,
  ): void {
    socket.on('error', () => {}) // `close` follows
    const refusal = this.#refusalOf(request)
    if (refusal !== undefined) return refuseSocket(socket, ...refusal)
    if (target === undefined)
      return refuseSocket(socket, 400, 'this is no address that a proxy can ask')
    void this.#counted(this.#requests.upgrade(request, socket, head, target))
  }

  #refusalOf({ socket }: IncomingMessage): [status: number, sentence: string] | undefined {
    if (!isLoopbackAddress(socket.remoteAddress ?? '')) {
      return [403, 'this proxy is for programs of its own host: call it at 127.0.0.1']
    }
    if (this.#open >= MAX_OPEN) return [503, 'too many connections through this proxy']
    return undefined
  }

  async #counted(work: Promise<void>): Promise<void> {
    this.#open += 1
    await work.finally(() => {
      this.#open -= 1
    })
  }

  /** Never rejects. */
  async #connect(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    at: HostAndPort,
  ): Promise<void> {
    const startedMs = performance.now()
    let end: PassageEnd = 'complete'
    let failure: unknown
    let bytes = 0
    try {
      const isEstablished = await this.#intercept(request, socket, head, at)
      if (isEstablished === 'taken') return
      if (isEstablished === 'no' && this.#isRefused(at)) {
        this.#options.metrics.count('refused', 'complete', 0)
        return refuseSocket(socket, 403, 'a rule of this proxy refuses this address')
      }
      const upstream = await this.#options.outgoing.connect(at)
      if (isEstablished === 'no') {
        establish(socket)
        socket.unshift(head)
      }
      bytes = await this.#tunnel(socket, upstream, clientName(request, at))
    } catch (error) {
      end = socket.destroyed ? 'left' : 'failed'
      failure = toAppError(error)
      const { code, message } = toAppError(error)
      if (socket.bytesWritten > 0) socket.destroy()
      else refuseSocket(socket, errorInfo(code).status, message)
    }
    const { metrics, logger } = this.#options
    metrics.count('tunnel', end, bytes)
    const durationMs = Math.round(performance.now() - startedMs)
    const reason = failure === undefined ? {} : reasonOf(toAppError(failure))
    logger.info({ ...at, passage: 'tunnel', end, bytes, durationMs, ...reason }, 'proxied')
  }

  #isRefused({ host, port }: HostAndPort): boolean {
    const { bypass, rules } = this.#options
    if (bypass.matches({ host, port })) return false
    const name = host.includes(':') ? `[${host}]` : host
    return rules.decide(new URL(`https://${name}:${port}/`)).way === 'refuse'
  }

  /** Whether the connection was taken; if not, whether the client was told already that it is established. */
  async #intercept(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    at: HostAndPort,
  ): Promise<'taken' | 'yes' | 'no'> {
    const { intercept, bypass, logger } = this.#options
    const client = clientName(request, at)
    if (this.#interceptor === undefined || !intercept.matches(at) || bypass.matches(at)) return 'no'
    if (this.#clients.has(client)) return 'no'
    const { trusted, isNews } = await this.#trust.check(at)
    if (!trusted) {
      if (isNews) {
        logger.warn(
          { ...at, hint: 'name the authority of its certificate with --origin-ca' },
          'a host whose TLS is to be opened is not trusted by this one: its callers get plain tunnels',
        )
      }
      return 'no'
    }
    establish(socket)
    if ((await firstByte(socket, head)) !== TLS_HANDSHAKE) return 'yes'
    await this.#interceptor.take(socket, at, client)
    return 'taken'
  }

  /** Gives the bytes of both directions. */
  async #tunnel(socket: Socket, upstream: Socket, client: string): Promise<number> {
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
    if (isAnswered && bytesAfterAnswer <= ALERT_BYTES) this.#clients.forget(client)
    return upstream.bytesRead + upstream.bytesWritten
  }

  #createInterceptor(leaves: LeafCache): Interceptor {
    const { logger, metrics } = this.#options
    return new Interceptor({
      leaves,
      clients: this.#clients,
      handlers: {
        answer: (request, response, at) =>
          this.#answer(request, response, readOriginForm(request.url ?? '', at)),
        upgrade: (request, socket, head, at) =>
          this.#upgrade(request, socket, head, readOriginForm(request.url ?? '', at)),
      },
      onRefused: (at, reason) => {
        metrics.countRefusedCertificate()
        logger.warn(
          { ...at, reason },
          'a client does not take our certificate for this host: it gets plain tunnels for a while',
        )
      },
    })
  }
}

/** For {@link PinnedClients}. */
function clientName({ headers }: IncomingMessage, { host, port }: HostAndPort): string {
  return `${headers['user-agent'] ?? ''}\n${host}:${port}`
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
