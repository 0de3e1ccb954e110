import type { Logger } from '@df/kit'
import {
  AppError,
  decodeHostFrame,
  type ErrorCode,
  encodeFrame,
  type HostId,
  type HostMessage,
  type MessageOf,
  PROTOCOL_VERSION,
  type SupernodeMessage,
  toAppError,
  unsignedUrl,
} from '@df/proto'
import type { WebSocket } from 'ws'
import type { HostLink, TaskMessage } from '../swarm/host-link.ts'
import { Outbox } from './outbox.ts'

const HELLO_WITHIN_MS = 2000
/** A session is dead after this many heartbeats without a word from the host. */
const MISSED_BEATS = 3
/** Close codes of RFC 6455 §7.4.1. */
const POLICY_VIOLATION = 1008
const GOING_AWAY = 1001

export interface HostSessionOptions {
  socket: WebSocket
  seedUrl: string
  /** Credentials may travel on it: TLS, or within this machine. */
  secure: boolean
  welcome: MessageOf<SupernodeMessage, 'welcome'>
  logger: Logger
  /** The host said hello and was welcomed. */
  opened(link: HostLink): void
  received(link: HostLink, message: TaskMessage): void
  /** The connection is gone. `link` when it was ever opened. */
  closed(link: HostLink | undefined): void
}

/** One WebSocket: hello first, then the host's messages; ends at the first thing that does not fit the protocol. */
export class HostSession {
  readonly #options: HostSessionOptions
  readonly #outbox: Outbox
  readonly #helloTimer: NodeJS.Timeout
  #link: HostLink | undefined
  #missed = 0
  #warned = false
  #refused = false

  constructor(options: HostSessionOptions) {
    this.#options = options
    const { socket, logger } = options
    this.#outbox = new Outbox(
      {
        get bufferedAmount() {
          return socket.bufferedAmount
        },
        send: (frame) => socket.send(frame),
      },
      () => {
        logger.warn({ host: this.#link?.host }, 'host does not read its messages; session cut')
        socket.terminate()
      },
    )
    this.#helloTimer = setTimeout(() => {
      this.#refuse('REQUEST_INVALID', `no hello within ${HELLO_WITHIN_MS} ms`)
    }, HELLO_WITHIN_MS)
    // Of the default binaryType, so that messages are Buffers.
    socket.on('message', (data: Buffer, isBinary) => this.#receive(data.toString(), isBinary))
    socket.on('pong', () => this.#heard())
    socket.on('error', (err) => {
      logger.warn({ host: this.#link?.host, err }, 'session broke')
    })
    socket.on('close', () => this.#close())
  }

  get host(): HostId | undefined {
    return this.#link?.host
  }

  /** To be called every half second: asks for a sign of life, and ends a session that gave none for 1.5 s. */
  beat(): void {
    const { socket, logger } = this.#options
    if (++this.#missed > MISSED_BEATS) {
      logger.warn({ host: this.host }, 'host is silent; session ended')
      socket.terminate()
      return
    }
    if (socket.readyState === socket.OPEN) socket.ping()
  }

  /** The same host opened another session. */
  replaced(): void {
    this.#refuse('REQUEST_INVALID', 'a newer session of this host took the place of this one')
  }

  /** The SuperNode ends. */
  end(): void {
    this.#outbox.flush()
    this.#options.socket.close(GOING_AWAY)
  }

  terminate(): void {
    this.#options.socket.terminate()
  }

  #receive(text: string, isBinary: boolean): void {
    this.#heard()
    if (this.#refused) return
    try {
      if (isBinary) throw new AppError('REQUEST_INVALID', 'session frames are text')
      if (this.#link === undefined) checkProtocol(text)
      for (const message of decodeHostFrame(text)) this.#handle(message)
    } catch (cause) {
      const error = toAppError(cause)
      const { logger } = this.#options
      if (error.code === 'INTERNAL') logger.error({ err: error }, 'a session message failed')
      this.#refuse(error.code, error.message)
    }
  }

  #handle(message: HostMessage): void {
    if (message.type === 'hello') {
      this.#hello(message)
      return
    }
    if (this.#link === undefined) {
      throw new AppError('REQUEST_INVALID', 'the first message of a session is hello')
    }
    this.#options.received(this.#link, this.#guarded(message))
  }

  #hello(hello: MessageOf<HostMessage, 'hello'>): void {
    if (this.#link !== undefined) throw new AppError('REQUEST_INVALID', 'hello is said once')
    clearTimeout(this.#helloTimer)
    const { host, url, program, upBps, downBps, labels } = hello
    this.#link = {
      host,
      url: url.replace(/\/+$/, ''),
      seedUrl: this.#options.seedUrl,
      program,
      connectedAtMs: Date.now(),
      ...(upBps === undefined ? {} : { upBps }),
      ...(downBps === undefined ? {} : { downBps }),
      ...(labels === undefined ? {} : { labels }),
      secure: this.#options.secure,
      send: (message) => this.#outbox.push(message),
    }
    this.#outbox.push(this.#options.welcome)
    this.#options.opened(this.#link)
  }

  /** Credentials that came over a plain link are not used (design §8.2): who sent them should know better. */
  #guarded(message: TaskMessage): TaskMessage {
    if (this.#options.secure || message.type !== 'join') return message
    const url = unsignedUrl(message.source.url)
    if (message.source.headers === undefined && url === message.source.url) return message
    if (!this.#warned) {
      this.#warned = true
      this.#options.logger.warn(
        { host: this.host },
        'host sends credentials over a plain link; they are dropped, use https for the SuperNode',
      )
    }
    return { ...message, source: { url } }
  }

  #heard(): void {
    this.#missed = 0
  }

  #refuse(code: ErrorCode, message: string): void {
    const { socket, logger } = this.#options
    logger.warn({ host: this.host, code, reason: message }, 'session refused')
    this.#refused = true
    this.#outbox.close()
    if (socket.readyState !== socket.OPEN) return
    socket.send(encodeFrame([{ type: 'refused', code, message: message.slice(0, 1024) }]))
    socket.close(POLICY_VIOLATION)
  }

  #close(): void {
    clearTimeout(this.#helloTimer)
    this.#outbox.close()
    this.#options.closed(this.#link)
  }
}

/** A host of another version may say more in its hello than this version knows; the refusal must name the version all the same. */
function checkProtocol(text: string): void {
  const protocol = helloProtocol(text)
  if (protocol === undefined || protocol === PROTOCOL_VERSION) return
  throw new AppError(
    'PROTOCOL_UNSUPPORTED',
    `this SuperNode speaks protocol version ${PROTOCOL_VERSION}, the host speaks ${protocol}; run the same release on both sides`,
  )
}

function helloProtocol(text: string): number | undefined {
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch {
    return undefined
  }
  const first: unknown = Array.isArray(frame) ? frame[0] : undefined
  if (typeof first !== 'object' || first === null) return undefined
  const { type, protocol } = first as Record<string, unknown>
  return type === 'hello' && typeof protocol === 'number' ? protocol : undefined
}
