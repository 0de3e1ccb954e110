import { once } from 'node:events'
import { Agent, type ClientRequestArgs } from 'node:http'
import { isIP, connect as netConnect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type SecureContext, connect as tlsConnect } from 'node:tls'
import { originErrorOf, trustedContext } from '@df/kit'
import { AppError, isAppError } from '@df/proto'
import type { HostAndPort } from './host-pattern.ts'

export interface OutgoingOptions {
  /** Authorities trusted besides those of Node and of the system, PEM. */
  ca?: string
  /** Name resolution, TCP and TLS together; default 10 s. */
  connectTimeoutMs?: number
}

/** How long a connection that nobody uses is kept for the next request. */
const KEPT_MS = 15_000
/** The first probe of a connection on which nothing moves. */
const PROBE_AFTER_MS = 30_000

/**
 * Connections of the proxy to where its callers want to go. They are not guarded: only programs of this host may use
 * the proxy, and they could connect there themselves.
 */
export class Outgoing {
  readonly #ca: string | undefined
  readonly #connectTimeoutMs: number
  readonly #agents: Record<'http' | 'https', Agent>
  #context: SecureContext | undefined
  #onHandshake: (at: HostAndPort, trusted: boolean) => void = () => {}

  constructor({ ca, connectTimeoutMs = 10_000 }: OutgoingOptions = {}) {
    this.#ca = ca
    this.#connectTimeoutMs = connectTimeoutMs
    const kept = { keepAlive: true, timeout: KEPT_MS, maxFreeSockets: 16 }
    this.#agents = {
      http: new ConnectorAgent((at) => this.connect(at), kept),
      https: new ConnectorAgent((at) => this.connectTls(at), kept),
    }
  }

  /** Has each handshake with an origin told: whether its certificate is trusted. */
  watchHandshakes(listener: (at: HostAndPort, trusted: boolean) => void): void {
    this.#onHandshake = listener
  }

  /** Connections kept between requests. */
  keptAgent(scheme: 'http' | 'https'): Agent {
    return this.#agents[scheme]
  }

  /** One connection for one request. */
  freshAgent(scheme: 'http' | 'https'): Agent {
    return new ConnectorAgent((at) => (scheme === 'https' ? this.connectTls(at) : this.connect(at)))
  }

  /** @throws AppError ORIGIN_UNREACHABLE, ORIGIN_STALLED */
  async connect(at: HostAndPort): Promise<Socket> {
    const socket = netConnect({ ...at, allowHalfOpen: true, noDelay: true })
    socket.setKeepAlive(true, PROBE_AFTER_MS)
    return await this.#inTime(socket, 'connect', at)
  }

  /** @throws AppError ORIGIN_TLS also when the certificate is not trusted, ORIGIN_UNREACHABLE, ORIGIN_STALLED */
  async connectTls(at: HostAndPort): Promise<Duplex> {
    const socket = await this.connect(at)
    this.#context ??= trustedContext(this.#ca)
    const secure = tlsConnect({
      socket,
      host: at.host,
      ...(isIP(at.host) === 0 ? { servername: at.host } : {}),
      secureContext: this.#context,
      ALPNProtocols: ['http/1.1'],
    })
    try {
      await this.#inTime(secure, 'secureConnect', at)
      this.#onHandshake(at, true)
      return secure
    } catch (error) {
      if (isAppError(error, 'ORIGIN_TLS')) this.#onHandshake(at, false)
      throw error
    }
  }

  destroy(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }

  async #inTime<T extends Socket>(socket: T, event: string, { host }: HostAndPort): Promise<T> {
    const timer = setTimeout(() => {
      socket.destroy(new AppError('ORIGIN_STALLED', `no connection to ${host} in time`))
    }, this.#connectTimeoutMs)
    try {
      await once(socket, event)
      return socket
    } catch (error) {
      socket.destroy()
      throw originErrorOf(error)
    } finally {
      clearTimeout(timer)
    }
  }
}

class ConnectorAgent extends Agent {
  readonly #open: (at: HostAndPort) => Promise<Duplex>

  constructor(
    open: (at: HostAndPort) => Promise<Duplex>,
    options?: ConstructorParameters<typeof Agent>[0],
  ) {
    super(options)
    this.#open = open
  }

  override createConnection(
    { host, port }: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#open({ host: host ?? '', port: Number(port) }).then(
      (stream) => callback?.(null, stream),
      // Node passes the error on and does not look at the stream then.
      (error: Error) => callback?.(error, undefined as unknown as Duplex),
    )
  }
}
