import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import {
  AppError,
  decodeSupernodeFrame,
  encodeFrame,
  type HostId,
  isErrorCode,
  type MessageOf,
  PROTOCOL_VERSION,
  type SupernodeMessage,
  type TaskId,
  type TaskIdentity,
} from '@df/proto'
import WebSocket from 'ws'
import { sessionUrl } from './session-url.ts'

export interface SessionProbeOptions {
  /** http(s) URL of the SuperNode. */
  url: string
  /** PEM; for a SuperNode with a certificate of a private authority. */
  ca?: string
  /** `name/version` */
  program: string
  /** Ends the probe; its reason is thrown. */
  signal: AbortSignal
  /** A content that nobody has: what the SuperNode says of its origin is waited for. */
  join?: { task: TaskId; identity: TaskIdentity; url: string }
}

export interface SessionProbe {
  supernode: HostId
  /** Address of this host on the session. */
  localAddress: string
  /** Why the SuperNode cannot have the content that was joined. */
  failed: MessageOf<SupernodeMessage, 'failed'> | undefined
}

/**
 * Opens a session as a host that nobody knows, and ends it again: the sessions of this host are not touched.
 * @throws AppError SUPERNODE_UNREACHABLE, PROTOCOL_UNSUPPORTED or what else the SuperNode refuses with
 */
export async function probeSession(options: SessionProbeOptions): Promise<SessionProbe> {
  const { url, ca, signal, join } = options
  signal.throwIfAborted()
  const socket = new WebSocket(sessionUrl(url), {
    perMessageDeflate: false,
    ...(ca === undefined ? {} : { ca }),
  })
  const { promise, resolve, reject } = Promise.withResolvers<SessionProbe>()
  const fail = (cause?: unknown) => {
    const reason = cause instanceof Error ? cause.message : 'it closed the connection'
    reject(new AppError('SUPERNODE_UNREACHABLE', `${url} opens no session: ${reason}`, { cause }))
  }
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  let transport: Socket | undefined
  let welcome: MessageOf<SupernodeMessage, 'welcome'> | undefined
  const answer = (failed?: MessageOf<SupernodeMessage, 'failed'>) => {
    if (welcome === undefined) return
    const localAddress = transport?.localAddress ?? '127.0.0.1'
    resolve({ supernode: welcome.supernode, localAddress, failed })
  }
  const handle = (message: SupernodeMessage) => {
    if (message.type === 'refused') {
      const code = isErrorCode(message.code) ? message.code : 'SUPERNODE_UNREACHABLE'
      reject(new AppError(code, message.message))
    } else if (message.type === 'welcome') {
      welcome = message
      if (join === undefined) answer()
      else socket.send(encodeFrame([{ type: 'join', ...joinOf(join) }]))
    } else if (message.type === 'failed') answer(message)
  }
  socket.on('upgrade', (response) => {
    transport = response.socket
  })
  socket.on('open', () => {
    socket.send(encodeFrame([{ type: 'hello', ...helloOf(options) }]))
  })
  socket.on('message', (data: Buffer) => {
    try {
      for (const message of decodeSupernodeFrame(data.toString())) handle(message)
    } catch (error) {
      fail(error)
    }
  })
  socket.on('error', fail)
  socket.on('close', () => fail())
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', onAbort)
    socket.terminate()
  }
}

function helloOf({ program }: SessionProbeOptions) {
  const host = randomBytes(16).toString('hex') as HostId
  // Nobody is sent there: a host without content is nobody's parent.
  return { protocol: PROTOCOL_VERSION, host, url: 'http://127.0.0.1:9', program }
}

function joinOf({ task, identity, url }: NonNullable<SessionProbeOptions['join']>) {
  return { task, identity, source: { url } }
}
