import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type Diversion, isLoopbackAddress } from '@df/kit'
import { Connector } from './connect.ts'
import { type HostPatterns, readHostAndPort } from './host-pattern.ts'
import { Interceptor } from './intercept.ts'
import type { LeafCache } from './leaf-cache.ts'
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

/** The proxy part of a listener: requests in absolute form and CONNECT, from programs of this host only. */
export class Proxy implements Diversion {
  readonly #options: ProxyOptions
  readonly #requests: ProxyRequests
  readonly #interceptor: Interceptor | undefined
  readonly #clients = new PinnedClients()
  readonly #connector: Connector
  #open = 0

  constructor(options: ProxyOptions) {
    this.#options = options
    this.#requests = new ProxyRequests(options)
    if (options.leaves !== undefined) this.#interceptor = this.#createInterceptor(options.leaves)
    this.#connector = new Connector({
      ...options,
      interceptor: this.#interceptor,
      clients: this.#clients,
    })
  }

  /** Plain tunnels that are open. */
  get tunnels(): number {
    return this.#connector.tunnels
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
    void this.#counted(this.#connector.connect(request, { socket, head, at }))
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

  #createInterceptor(leaves: LeafCache): Interceptor {
    const { intercept, logger, metrics } = this.#options
    return new Interceptor({
      hosts: intercept,
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
