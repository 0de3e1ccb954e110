import type { Socket } from 'node:net'
import type { Keyring } from '@df/codec'
import { backoffMs, isLoopbackAddress, type Logger } from '@df/kit'
import {
  decodeSupernodeFrame,
  encodeFrame,
  type HostId,
  type HostMessage,
  type Labels,
  MAX_FRAME_BYTES,
  type MessageOf,
  PROTOCOL_VERSION,
  type SupernodeMessage,
} from '@df/proto'
import WebSocket from 'ws'
import { sessionUrl } from './session-url.ts'

/** A SuperNode that sends nothing, not even a ping, for this long counts as gone. */
const SILENCE_MS = 1500
const CONNECT_TIMEOUT_MS = 2000

export interface SessionOptions {
  /** http(s) URL of the SuperNode. */
  url: string
  host: HostId
  program: string
  /** Base URL under which this host serves content, given the local address of the session. */
  advertise(localAddress: string): string
  limits: { upBps: number; downBps: number }
  /** Given by hosts that take orders. */
  labels?: Labels
  keyring: Keyring
  /** PEM; for a SuperNode with a certificate of a private authority. */
  ca?: string
  logger: Logger
  onUp(session: SupernodeSession): void
  onDown(session: SupernodeSession): void
  onMessage(session: SupernodeSession, message: SupernodeMessage): void
}

/**
 * The session with one SuperNode: connects, says hello, and connects again for as long as it is not closed.
 * Outgoing messages of one turn share a frame.
 */
export class SupernodeSession {
  readonly url: string
  /** Credentials may travel on it: it runs over TLS, or within this machine. */
  secure = false
  #up = false
  #supernode: HostId | undefined
  #reportEveryMs = 1000
  #seedBps: number | undefined
  readonly #options: SessionOptions
  #socket: WebSocket | undefined
  #outgoing: HostMessage[] = []
  #attempt = 0
  #retry: NodeJS.Timeout | undefined
  #silence: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: SessionOptions) {
    this.url = options.url
    this.#options = options
  }

  get up(): boolean {
    return this.#up
  }

  /** Id of the SuperNode, under which its seed appears in plans; known once the session was up. */
  get supernode(): HostId | undefined {
    return this.#supernode
  }

  /** What the SuperNode sends to all hosts together at most; undefined without a limit. */
  get seedBps(): number | undefined {
    return this.#seedBps
  }

  get reportEveryMs(): number {
    return this.#reportEveryMs
  }

  connect(): void {
    if (this.#closed) return
    const url = sessionUrl(this.#options.url)
    const socket = new WebSocket(url, {
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      ...(this.#options.ca === undefined ? {} : { ca: this.#options.ca }),
    })
    this.#socket = socket
    let transport: Socket | undefined
    socket.on('upgrade', (response) => {
      transport = response.socket
    })
    socket.on('open', () => {
      this.#heard()
      this.secure = url.protocol === 'wss:' || isLoopbackAddress(transport?.remoteAddress ?? '')
      this.#hello(transport?.localAddress ?? '127.0.0.1')
    })
    socket.on('ping', () => this.#heard())
    socket.on('message', (data: Buffer) => this.#receive(data.toString()))
    socket.on('error', (err) => {
      if (this.#attempt === 0) {
        this.#options.logger.warn({ supernode: this.url, err }, 'SuperNode session failed')
      }
    })
    socket.on('close', () => this.#lost())
  }

  /** Queues a message; dropped when the session is not up (its owner joins again when it is). */
  send(message: HostMessage): void {
    if (!this.#up) return
    if (this.#outgoing.length === 0) setImmediate(() => this.#flush())
    this.#outgoing.push(message)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    clearTimeout(this.#silence)
    this.#flush()
    this.#socket?.close(1000)
    const socket = this.#socket
    setTimeout(() => socket?.terminate(), 200).unref()
    this.#up = false
  }

  #hello(localAddress: string): void {
    const { labels, limits } = this.#options
    const { upBps, downBps } = limits
    const hello: MessageOf<HostMessage, 'hello'> = {
      type: 'hello',
      protocol: PROTOCOL_VERSION,
      host: this.#options.host,
      url: this.#options.advertise(localAddress),
      program: this.#options.program,
      ...(upBps > 0 ? { upBps } : {}),
      ...(downBps > 0 ? { downBps } : {}),
      ...(labels === undefined ? {} : { labels }),
    }
    this.#socket?.send(encodeFrame([hello]))
  }

  #receive(text: string): void {
    this.#heard()
    let messages: SupernodeMessage[]
    try {
      messages = decodeSupernodeFrame(text)
    } catch (err) {
      this.#options.logger.warn({ supernode: this.url, err }, 'SuperNode sent a malformed frame')
      this.#socket?.terminate()
      return
    }
    for (const message of messages) {
      if (message.type === 'welcome') this.#welcomed(message)
      else if (message.type === 'refused') {
        this.#options.logger.error(
          { supernode: this.url, code: message.code, reason: message.message },
          'SuperNode refused the session',
        )
      } else if (this.#up) this.#options.onMessage(this, message)
    }
  }

  #welcomed(message: MessageOf<SupernodeMessage, 'welcome'>): void {
    this.#options.keyring.add(message.publicKey)
    this.#supernode = message.supernode
    this.#reportEveryMs = message.reportEveryMs
    this.#seedBps = message.upBps
    this.#attempt = 0
    this.#up = true
    this.#options.logger.info({ supernode: this.url }, 'SuperNode session is up')
    this.#options.onUp(this)
  }

  #flush(): void {
    if (this.#outgoing.length === 0 || this.#socket?.readyState !== WebSocket.OPEN) return
    this.#socket.send(encodeFrame(this.#outgoing))
    this.#outgoing = []
  }

  #heard(): void {
    clearTimeout(this.#silence)
    const socket = this.#socket
    this.#silence = setTimeout(() => socket?.terminate(), SILENCE_MS)
  }

  #lost(): void {
    clearTimeout(this.#silence)
    const wasUp = this.#up
    this.#up = false
    this.#outgoing = []
    if (this.#closed) return
    const delayMs = backoffMs(this.#attempt++, { baseMs: 100, maxMs: 1000, random: Math.random })
    this.#retry = setTimeout(() => this.connect(), delayMs)
    if (wasUp) {
      this.#options.logger.warn({ supernode: this.url }, 'SuperNode session is lost')
    }
    this.#options.onDown(this)
  }
}
