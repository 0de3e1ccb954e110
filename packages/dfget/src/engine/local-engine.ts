import { isSameState, Keyring, ProofVerifier, TicketVerifier, taskIdOf } from '@df/codec'
import {
  BufferPool,
  formatAddress,
  type ListenAddress,
  type Logger,
  TokenBucket,
  untilAborted,
} from '@df/kit'
import { AppError, type BytesBySource, type ErrorCode, isAppError, type TaskId } from '@df/proto'
import { RateEstimate, ReceiverPace, type SlowReceiver } from '@df/scheduling'
import type { ContentStore, Spool } from '@df/storage'
import {
  confirmGeneration,
  createPieceClient,
  createPieceServer,
  type OriginClient,
  PaceWatch,
  type PieceClient,
} from '@df/transfer'
import type { OrderTaker } from '../session/order-taker.ts'
import { SupernodePool } from '../session/supernode-pool.ts'
import { ByteBudget } from './byte-budget.ts'
import { Download } from './download.ts'
import type { Engine, EngineLimits, OpenRequest, OpenTask, TaskSnapshot } from './engine.ts'
import { hostContent } from './host-content.ts'
import { loadHostId } from './host-id.ts'
import { TaskHandle } from './open-task.ts'
import { PeerServer } from './peer-server.ts'
import { storedMember } from './stored-member.ts'

/** Bytes of pieces on their way to this process at most, over all tasks. */
const IN_FLIGHT_BYTES = 48 * 1024 * 1024
/** Piece buffers kept for the next pieces. */
const KEPT_BUFFER_BYTES = 16 * 1024 * 1024
const SWEEP_MS = 30_000
/** Stored blobs that are offered to the swarm after a start, the last used first. */
const MAX_OFFERED = 1000
/** Ended tasks that are remembered for lists. */
const MAX_ENDED = 1000

export interface EngineOptions {
  /** For the host's id. */
  dataDir: string
  /** Started and stopped by the engine. */
  store: ContentStore
  /** Started by the engine. */
  spool: Spool
  origin: OriginClient
  /** URLs of the SuperNodes; none means that every task comes from its origin. */
  supernodes: readonly string[]
  /** PEM of the authority of the SuperNodes' certificates. */
  supernodeCa?: string
  /** Where other hosts fetch pieces from. */
  peerListen: ListenAddress
  /** Address that other hosts reach this one by; else the one it reaches its SuperNode from. */
  advertise?: string
  /** `name/version` */
  program: string
  /** Bytes per second, 0 for none. */
  limits: EngineLimits
  /** Takes what SuperNodes order; without one, none is sent any. */
  orders?: OrderTaker
  logger: Logger
  onReceived?(source: keyof BytesBySource, bytes: number): void
  onSent?(bytes: number): void
  onError?(code: ErrorCode): void
  /** A task is complete. */
  onFinished?(task: TaskSnapshot): void
}

/** The engine of this host. See {@link Engine}. */
export function createEngine(options: EngineOptions): Engine & { readonly peerPort: number } {
  return new LocalEngine(options)
}

class LocalEngine implements Engine {
  readonly #options: EngineOptions
  readonly #keyring = new Keyring()
  readonly #downloads = new Map<TaskId, Download>()
  readonly #down: TokenBucket
  readonly #up: TokenBucket
  readonly #link = new RateEstimate()
  readonly #pace = new ReceiverPace()
  readonly #paceWatch = new PaceWatch({
    pace: this.#pace,
    now: () => performance.now(),
    report: (slow) => this.#tellSlow(slow),
  })
  #taskBps: number
  readonly #budget = new ByteBudget(IN_FLIGHT_BYTES)
  readonly #buffers = new BufferPool(KEPT_BUFFER_BYTES)
  readonly #pieces: PieceClient
  readonly #server: PeerServer
  #pool: SupernodePool | undefined
  #sweep: NodeJS.Timeout | undefined
  readonly #warned = new Set<string>()
  readonly #offered = new Set<TaskId>()

  constructor(options: EngineOptions) {
    this.#options = options
    this.#down = new TokenBucket({ bps: options.limits.downBps })
    this.#up = new TokenBucket({ bps: options.limits.upBps })
    this.#taskBps = options.limits.taskBps
    const { supernodeCa: ca } = options
    const verifier = new ProofVerifier(this.#keyring)
    this.#pieces = createPieceClient({ verifier, ...(ca === undefined ? {} : { ca }) })
    const server = createPieceServer({
      content: hostContent(options.store, (task) => this.#downloads.get(task)),
      tickets: new TicketVerifier(this.#keyring),
      uploads: this.#up,
      link: this.#link,
      pace: this.#pace,
      onSent: (_task, bytes) => options.onSent?.(bytes),
      onError: (_task, error) => options.onError?.(error.code),
    })
    this.#server = new PeerServer(server, options.peerListen)
  }

  get peerPort(): number {
    return this.#server.port
  }

  async start(): Promise<void> {
    const { store, spool, dataDir, logger, program, supernodes, limits, orders } = this.#options
    await store.start()
    await spool.start()
    await this.#server.start()
    const { supernodeCa: ca } = this.#options
    this.#pool = new SupernodePool({
      urls: supernodes,
      host: await loadHostId(dataDir),
      program,
      advertise: (local) =>
        `http://${formatAddress(this.#options.advertise ?? local, this.#server.port)}`,
      limits,
      keyring: this.#keyring,
      ...(ca === undefined ? {} : { ca }),
      ...(orders === undefined ? {} : { orders }),
      logger,
    })
    this.#offerStored(this.#pool)
    this.#pool.start()
    this.#sweep = setInterval(() => this.#forgetEvicted(), SWEEP_MS)
    await this.#paceWatch.start()
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweep)
    await this.#paceWatch.stop()
    for (const download of this.#downloads.values()) download.stop()
    this.#pool?.stop()
    await this.#server.stop()
    await this.#pieces.close()
    await this.#options.store.stop()
  }

  async open(request: OpenRequest): Promise<OpenTask> {
    const task = taskIdOf(request.identity)
    const generation = request.confirm === true ? await this.#confirmed(request) : undefined
    const whole = await this.#openWhole(task, generation)
    if (whole !== undefined) return whole
    const download = this.#downloadOf(task, request, generation)
    download.readers.add(request)
    try {
      await untilAborted(download.ready, request.signal)
      const content = await this.#options.store.open(task)
      if (content === undefined) {
        throw new AppError('STORAGE_FAILED', 'the content went while it was opened')
      }
      return new TaskHandle(content, download, () => download.removeReader(request))
    } catch (error) {
      download.removeReader(request)
      if (isAppError(error)) this.#options.onError?.(error.code)
      throw error
    }
  }

  async forget(task: TaskId): Promise<boolean> {
    this.#downloads.get(task)?.stop()
    this.#downloads.delete(task)
    return this.#options.store.remove(task)
  }

  tasks(): TaskSnapshot[] {
    return [...this.#downloads.values()].map((download) => download.snapshot())
  }

  storedSize(task: TaskId): number | undefined {
    const stored = this.#options.store.summary(task)
    return stored?.verified === true ? stored.geometry.contentLength : undefined
  }

  sessions(): { supernode: string; connected: boolean }[] {
    return this.#pool?.states() ?? []
  }

  setLimits({ downBps, upBps, taskBps }: Partial<EngineLimits>): void {
    if (downBps !== undefined) this.#down.setRate(downBps)
    if (upBps !== undefined) this.#up.setRate(upBps)
    if (taskBps === undefined) return
    this.#taskBps = taskBps
    for (const download of this.#downloads.values()) download.setDefaultLimit(taskBps)
  }

  #confirmed({ source, signal }: OpenRequest): Promise<string> {
    const asked = { ...source, ...(signal === undefined ? {} : { signal }) }
    return confirmGeneration(this.#options.origin, asked)
  }

  /** A content that is here whole and checked needs no download. */
  async #openWhole(task: TaskId, generation: string | undefined): Promise<OpenTask | undefined> {
    if (this.#downloads.get(task)?.state === 'fetching') return undefined
    const content = await this.#options.store.open(task)
    if (content === undefined) return undefined
    const isCurrent = generation === undefined || isSameState(content.meta.generation, generation)
    if (isCurrent && content.complete && content.verified) {
      return new TaskHandle(content, undefined, () => {})
    }
    content.release()
    return undefined
  }

  #downloadOf(task: TaskId, request: OpenRequest, generation: string | undefined): Download {
    const running = this.#downloads.get(task)
    if (running?.state === 'fetching') {
      const isSame = generation === undefined || (running.generation ?? generation) === generation
      if (isSame) return running
      running.fail(new AppError('CONTENT_CHANGED', 'the origin changed the content meanwhile'))
    }
    running?.stop()
    if (this.#pool === undefined) throw new AppError('INTERNAL', 'the engine is not started')
    const download = new Download(
      {
        store: this.#options.store,
        spool: this.#options.spool,
        pool: this.#pool,
        pieces: this.#pieces,
        origin: this.#options.origin,
        budget: this.#budget,
        buffers: this.#buffers,
        downloads: this.#down,
        link: this.#link,
        taskBps: () => this.#taskBps,
        logger: this.#options.logger,
        now: () => performance.now(),
        onReceived: (source, bytes) => this.#received(source, bytes),
        onCredentialsKept: (url) => this.#warnCredentialsKept(url),
      },
      { ...request, task, ...(generation === undefined ? {} : { generation }) },
    )
    this.#downloads.delete(task)
    this.#downloads.set(task, download)
    this.#dropOldest()
    // A failure is told to those who opened it.
    download.finished.then(this.#options.onFinished, () => {})
    void download.start()
    return download
  }

  #tellSlow({ task, receiver, stripe, share }: SlowReceiver): void {
    this.#pool?.send({ type: 'slow', task, child: receiver, stripe, share })
  }

  #received(source: keyof BytesBySource, bytes: number): void {
    // What hosts send is counted as it comes in.
    if (source === 'origin') this.#link.received(bytes, performance.now())
    this.#options.onReceived?.(source, bytes)
  }

  #warnCredentialsKept(supernode: string): void {
    if (this.#warned.has(supernode)) return
    this.#warned.add(supernode)
    this.#options.logger.warn(
      { supernode },
      'credentials are not sent over a plain link: private content is fetched by this host itself; use a SuperNode with TLS to share it',
    )
  }

  #dropOldest(): void {
    for (const [task, download] of this.#downloads) {
      if (this.#downloads.size <= MAX_ENDED) return
      if (download.state === 'fetching') continue
      download.stop()
      this.#downloads.delete(task)
    }
  }

  #offerStored(pool: SupernodePool): void {
    const whole = this.#options.store
      .list()
      .filter(({ identity, verified }) => identity.kind === 'blob' && verified)
      .toSorted((a, b) => b.lastUsedAtMs - a.lastUsedAtMs)
    for (const content of whole.slice(0, MAX_OFFERED)) {
      pool.attach(storedMember(content))
      this.#offered.add(content.task)
    }
  }

  /** A content that the store evicted is not offered to the swarm any more. */
  #forgetEvicted(): void {
    const stored = new Set(this.#options.store.list().map(({ task }) => task))
    for (const task of this.#offered) {
      if (stored.has(task)) continue
      this.#offered.delete(task)
      if (!this.#downloads.has(task)) this.#pool?.detach(task)
    }
    for (const [task, download] of this.#downloads) {
      if (download.state === 'complete' && !stored.has(task)) {
        download.stop()
        this.#downloads.delete(task)
      }
    }
  }
}
