import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  generateSigningKey,
  issueTicket,
  Keyring,
  parseRangeHeader,
  signPieces,
  TicketVerifier,
} from '@df/codec'
import { createAddressGuard, createOriginDispatcher, silentLogger, TokenBucket } from '@df/kit'
import {
  type Digest,
  decodeHostFrame,
  encodeFrame,
  geometryOf,
  type HostId,
  type HostMessage,
  type MessageOf,
  type PeerRef,
  PROTOCOL_VERSION,
  pieceCount,
  pieceSpan,
  type SupernodeMessage,
  type TaskId,
} from '@df/proto'
import { createContentStore, Spool } from '@df/storage'
import { createOriginClient, createPieceServer, type ServedContent } from '@df/transfer'
import { type WebSocket, WebSocketServer } from 'ws'
import { createEngine, type EngineOptions } from './local-engine.ts'

export type Cleanup = (undo: () => unknown) => void

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest
}

export function randomContent(size: number): Buffer {
  return randomBytes(size)
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function closing(server: Server): () => void {
  return () => {
    server.closeAllConnections()
    server.close()
  }
}

/** An origin of one content with Range support; `intercept` may answer in its place. */
export async function startOrigin(cleanup: Cleanup, bytes: Buffer) {
  const state = {
    bytes,
    sentBytes: 0,
    requests: [] as IncomingMessage['headers'][],
    intercept: undefined as
      | ((request: IncomingMessage, response: ServerResponse) => boolean)
      | undefined,
  }
  const server = createServer((request, response) => {
    state.requests.push(request.headers)
    if (state.intercept?.(request, response) === true) return
    const range = parseRangeHeader(request.headers.range, state.bytes.length)
    if (range === 'unsatisfiable') {
      response.writeHead(416).end()
      return
    }
    const { start, end } = range ?? { start: 0, end: state.bytes.length }
    response.writeHead(range === undefined ? 200 : 206, {
      'content-length': end - start,
      etag: `"${digestOf(state.bytes).slice(7, 20)}"`,
      ...(range && { 'content-range': `bytes ${start}-${end - 1}/${state.bytes.length}` }),
    })
    state.sentBytes += end - start
    response.end(state.bytes.subarray(start, end))
  })
  const port = await listening(server)
  cleanup(closing(server))
  return Object.assign(state, { url: `http://127.0.0.1:${port}/file` })
}

/** An engine with everything of its own in a temporary directory. */
export async function startEngine(
  cleanup: Cleanup,
  options: Partial<EngineOptions> & { dir?: string } = {},
) {
  const dataDir = options.dir ?? (await mkdtemp(join(tmpdir(), 'df-engine-')))
  const dispatcher = createOriginDispatcher({
    guard: createAddressGuard({ allow: ['127.0.0.1'] }),
    connectTimeoutMs: 1000,
  })
  const engine = createEngine({
    dataDir,
    store: createContentStore({ dir: join(dataDir, 'store'), quotaBytes: 0 }),
    spool: new Spool(join(dataDir, 'spool'), () => 1e9),
    origin: createOriginClient({ dispatcher, headersTimeoutMs: 2000, silenceMs: 2000 }),
    supernodes: [],
    peerListen: { host: '127.0.0.1', port: 0 },
    program: 'test/0',
    limits: { downBps: 0, upBps: 0, taskBps: 0 },
    logger: silentLogger(),
    ...options,
  })
  await engine.start()
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    await engine.stop()
    await dispatcher.close()
  }
  cleanup(async () => {
    await stop()
    await rm(dataDir, { recursive: true, force: true })
  })
  return { engine, dataDir, stop }
}

export async function readAll(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

/**
 * A SuperNode as far as an engine sees one: sessions, tickets, and a seed that serves `bytes` of each task it
 * knows. What it plans is up to the test.
 */
export class FakeSupernode {
  readonly id = randomBytes(16).toString('hex') as HostId
  readonly joins: MessageOf<HostMessage, 'join'>[] = []
  readonly messages: HostMessage[] = []
  readonly seeds = new Map<TaskId, Seed>()
  /** Urls of the hosts that said hello, in order. */
  readonly hosts: PeerRef[] = []
  /** Gives the plan for a host; by default the seed feeds every stripe. */
  plan: (host: HostId, seed: PeerRef) => { parents: PeerRef[]; spares: PeerRef[] } = (_, seed) => ({
    parents: Array.from({ length: 4 }, () => seed),
    spares: [],
  })
  /** Answers a join in place of the default. */
  onJoin: ((join: MessageOf<HostMessage, 'join'>) => SupernodeMessage[] | undefined) | undefined
  readonly #key = generateSigningKey()
  readonly #keyring = new Keyring()
  readonly #sockets = new Map<HostId, WebSocket>()
  #server: Server | undefined
  #port = 0

  async start(cleanup: Cleanup): Promise<this> {
    this.#keyring.add(this.#key.publicKey)
    const pieces = createPieceServer({
      content: { open: async (task) => this.seeds.get(task) },
      tickets: new TicketVerifier(this.#keyring),
      uploads: new TokenBucket({ bps: 0 }),
    })
    const server = createServer((request, response) => {
      void pieces.handle(request, response, request.url?.split('/')[3] ?? '')
    })
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket) => this.#accept(socket))
    const ping = setInterval(() => {
      for (const socket of sockets.clients) socket.ping()
    }, 300)
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    const address = server.address()
    this.#port = typeof address === 'object' && address !== null ? address.port : 0
    cleanup(() => {
      clearInterval(ping)
      this.stop()
    })
    return this
  }

  stop(): void {
    for (const socket of this.#sockets.values()) socket.terminate()
    this.#server?.closeAllConnections()
    this.#server?.close()
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get ref(): PeerRef {
    return { host: this.id, url: this.url }
  }

  addSeed(task: TaskId, bytes: Buffer, options: { signAs?: Buffer } = {}): Seed {
    const seed = new Seed(this.#key, task, bytes, options.signAs ?? bytes)
    this.seeds.set(task, seed)
    return seed
  }

  send(host: HostId, ...messages: SupernodeMessage[]): void {
    this.#sockets.get(host)?.send(encodeFrame(messages))
  }

  admit(host: HostId, task: TaskId): SupernodeMessage[] {
    const seed = this.seeds.get(task)
    if (seed === undefined) return []
    const expires = Math.ceil(Date.now() / 1000) + 60
    return [
      {
        type: 'task',
        task,
        geometry: seed.geometry,
        generation: '',
        ticket: issueTicket(this.#key, { task, host, expires }),
      },
      { type: 'plan', task, ...this.plan(host, this.ref) },
    ]
  }

  #accept(socket: WebSocket): void {
    let host: HostId | undefined
    socket.on('message', (data: Buffer) => {
      for (const message of decodeHostFrame(data.toString())) {
        this.messages.push(message)
        if (message.type === 'hello') {
          host = message.host
          this.#sockets.set(host, socket)
          this.hosts.push({ host, url: message.url })
          this.send(host, {
            type: 'welcome',
            protocol: PROTOCOL_VERSION,
            supernode: this.id,
            publicKey: this.#key.publicKey,
            reportEveryMs: 50,
          })
        }
        if (message.type === 'join' && host !== undefined) {
          this.joins.push(message)
          this.send(host, ...(this.onJoin?.(message) ?? this.admit(host, message.task)))
        }
      }
    })
  }
}

/** A task's content at the fake SuperNode. */
export class Seed implements ServedContent {
  readonly generation = ''
  readonly isWhole = true
  readonly geometry
  readonly served: number[] = []
  /** Pieces that may be served; all by default. */
  available: (index: number) => boolean = () => true
  readonly #bytes: Buffer
  readonly #proofs: Buffer[] = []
  readonly #listeners = new Set<(index: number) => void>()

  constructor(
    key: ReturnType<typeof generateSigningKey>,
    task: TaskId,
    bytes: Buffer,
    signed: Buffer,
  ) {
    this.#bytes = bytes
    this.geometry = geometryOf(bytes.length)
    const subject = { task, generation: '', geometry: this.geometry }
    for (let index = 0; index < pieceCount(this.geometry); index++) {
      const { start, end } = pieceSpan(this.geometry, index)
      const sha256 = createHash('sha256').update(signed.subarray(start, end)).digest()
      this.#proofs.push(...signPieces(key, subject, index, [sha256]))
    }
  }

  has(index: number): boolean {
    return this.available(index)
  }

  expects(): boolean {
    return true
  }

  proof(index: number): Buffer | undefined {
    return this.#proofs[index]
  }

  async readInto(buffer: Buffer, start: number): Promise<void> {
    this.served.push(Math.floor(start / this.geometry.pieceSize))
    this.#bytes.copy(buffer, 0, start, start + buffer.length)
  }

  onPiece(listener: (index: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  release(): void {}
}
