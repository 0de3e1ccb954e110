import { TokenBucket } from '@df/kit'
import { redactUrl } from '@df/oci'
import {
  AppError,
  type HostId,
  type HostMessage,
  type MessageOf,
  type PieceIndex,
  type SupernodeMessage,
  type TaskId,
  toAppError,
} from '@df/proto'
import { type ContentMeta, type StoredContent, WholeDigest } from '@df/storage'
import type { SwarmMember, TaskMessage } from '../session/supernode-pool.ts'
import type { SupernodeSession } from '../session/supernode-session.ts'
import { ContentHold } from './content-hold.ts'
import type { DownloadDeps, DownloadRequest } from './download-deps.ts'
import type { OpenRequest, TaskSnapshot } from './engine.ts'
import { knownRates } from './known-rates.ts'
import { OriginLane } from './origin-lane.ts'
import { PieceWaits } from './piece-waits.ts'
import { haveText, ProgressReporter } from './progress-reporter.ts'
import { Readers } from './readers.ts'
import { decideRescue } from './rescue-rules.ts'
import { SwarmFetcher } from './swarm-fetcher.ts'
import { allPieces, hasCredentials, joinMessage, supernodeError } from './swarm-messages.ts'
import { TaskTally } from './task-tally.ts'

/** How often the rescue rules are asked. */
const TICK_MS = 200
/** How long a first session attempt may take before the task does without. */
const SESSION_WAIT_MS = 2000
/** A swarm whose SuperNode is away still counts while bytes came this recently. */
const STILL_FED_MS = 1000
/** A download that nobody reads and no swarm shares is given up after this. */
const ABANDONED_MS = 10_000

/**
 * One task on this host, from the first wish to the checked content, and after that its place in the swarm.
 * Fetches by plan through {@link SwarmFetcher}; turns to the origin by {@link decideRescue}. Holds a lease on the
 * content while it fetches.
 */
export class Download implements SwarmMember {
  readonly task: TaskId
  readonly waits: PieceWaits
  /** Whoever leaves does so by {@link removeReader}. */
  readonly readers: Readers
  readonly #deps: DownloadDeps
  readonly #tally: TaskTally
  readonly #limit: TokenBucket
  readonly #limits: TokenBucket[]
  readonly #ready = Promise.withResolvers<ContentMeta>()
  readonly #finished = Promise.withResolvers<TaskSnapshot>()
  readonly #request: DownloadRequest
  readonly #hold: ContentHold
  #state: TaskSnapshot['state'] = 'fetching'
  #error: AppError | undefined
  #isJoined = false
  #swarmError: AppError | undefined
  #plan: MessageOf<SupernodeMessage, 'plan'> | undefined
  #fetcher: SwarmFetcher | undefined
  readonly #origin: OriginLane
  readonly #reporter: ProgressReporter
  #digestCheck: WholeDigest | undefined
  readonly #storing = new Set<PieceIndex>()
  #isChecking = false
  #seedBytes = 0
  #tick: NodeJS.Timeout | undefined

  constructor(deps: DownloadDeps, request: DownloadRequest) {
    this.#deps = deps
    this.#request = request
    this.task = request.task
    this.#tally = new TaskTally(deps.now, () => knownRates(deps, this.task, this.#limits))
    this.#limit = new TokenBucket({ bps: request.rateLimitBps ?? deps.taskBps() })
    this.#limits = [deps.downloads, this.#limit]
    this.readers = new Readers(request.source, deps.now)
    this.waits = new PieceWaits(deps.now)
    this.#hold = new ContentHold({
      store: deps.store,
      task: this.task,
      identity: request.identity,
      url: redactUrl(request.source.url),
      onContent: (content) => this.#begin(content),
    })
    this.#reporter = new ProgressReporter(this.task, deps)
    this.#origin = new OriginLane(
      {
        origin: deps.origin,
        spool: deps.spool,
        limits: this.#limits,
        source: () => this.readers.source,
        isBlob: request.identity.kind === 'blob',
        has: (index) => this.#hold.content?.has(index) === true,
        geometry: () => this.#hold.meta?.geometry,
        adopt: (geometry, generation) => this.#hold.adopt(geometry, generation),
        accept: (piece) => this.#store(piece.index, piece, undefined),
        onBytes: () => this.#tally.active(),
        goOn: () => this.#state === 'fetching' && !this.#tally.swarmDelivers,
        alone: () => !this.#isJoined && this.#plan === undefined,
      },
      deps.now,
    )
    // Whoever opened the task awaits these; a failure that nobody awaits is no crash.
    this.#ready.promise.catch(() => {})
    this.#finished.promise.catch(() => {})
  }

  get state(): TaskSnapshot['state'] {
    return this.#state
  }

  /** What the content is; resolves as soon as its length is known. */
  get ready(): Promise<ContentMeta> {
    return this.#ready.promise
  }

  /** Resolves when the content is complete and checked. */
  get finished(): Promise<TaskSnapshot> {
    return this.#finished.promise
  }

  /** Generation of the content, or asked for; undefined while nobody told. */
  get generation(): string | undefined {
    return this.#hold.meta?.generation ?? this.#request.generation
  }

  snapshot(): TaskSnapshot {
    return {
      task: this.task,
      url: redactUrl(this.readers.source.url),
      digest: this.#request.identity.digest,
      state: this.#state,
      contentLength: this.#hold.meta?.geometry.contentLength ?? 0,
      haveBytes: this.#tally.haveBytes,
      ...this.#tally.snapshot(),
      error: this.#error?.message,
    }
  }

  /** Changes the limit of tasks that were asked for without one. */
  setDefaultLimit(bps: number): void {
    if (this.#request.rateLimitBps === undefined) this.#limit.setRate(bps)
  }

  /** One that only the swarm was to serve takes the download with it, when it is the last. */
  removeReader(request: OpenRequest): void {
    this.readers.remove(request)
    if (request.pattern !== 'swarm' || this.readers.areThere) return
    this.fail(new AppError('TASK_DELETED', 'nobody wants the task any more'))
  }

  async start(): Promise<void> {
    try {
      await this.#hold.resume(this.#request.generation)
      if (this.#state !== 'fetching') return
      if (this.#request.pattern !== 'source') {
        await this.#deps.pool.settled(SESSION_WAIT_MS)
        this.#isJoined = this.#deps.pool.attach(this)
      }
      this.#tick = setInterval(() => this.#evaluate(), TICK_MS)
      this.#evaluate()
    } catch (error) {
      this.fail(toAppError(error))
    }
  }

  // ---- the swarm ----

  join(session: SupernodeSession): HostMessage {
    this.#isJoined = true
    this.#swarmError = undefined
    this.#reporter.joined()
    const { identity, generation } = this.#request
    const { source } = this.readers
    if (!session.secure && hasCredentials(source)) {
      this.#deps.onCredentialsKept(session.url)
    }
    const geometry = this.#hold.meta?.geometry
    const have = this.#hold.content ? haveText(this.#hold.content) : geometry && allPieces(geometry)
    return joinMessage({
      task: this.task,
      identity,
      source,
      generation,
      held: geometry === undefined || have === undefined ? undefined : { geometry, have },
      secure: session.secure,
    })
  }

  onMessage(message: TaskMessage): void {
    switch (message.type) {
      case 'task':
        void this.#admitted(message)
        break
      case 'plan':
        this.#plan = message
        this.#fetcher?.setPlan(message.parents, message.spares)
        break
      case 'seeding':
        if (message.bytes > this.#seedBytes) this.#tally.active()
        this.#seedBytes = message.bytes
        break
      case 'failed':
        this.#swarmFailed(supernodeError(message))
        break
    }
  }

  async #admitted({ geometry, generation, ticket }: MessageOf<TaskMessage, 'task'>): Promise<void> {
    try {
      await this.#hold.adopt(geometry, generation)
      this.#fetcher?.setTicket(ticket)
    } catch (cause) {
      const error = toAppError(cause)
      if (error.code === 'CONTENT_CHANGED') await this.#discard(error)
      else this.fail(error)
    }
  }

  onDetached(): void {
    this.#isJoined = false
    this.#evaluate()
  }

  #swarmFailed(error: AppError): void {
    this.#isJoined = false
    this.#swarmError = error
    // What was received is signed, and wrong all the same: nothing of it may stay.
    if (error.code === 'CONTENT_DIGEST_MISMATCH' && this.#tally.haveBytes > 0) {
      void this.#discard(error)
    } else this.#evaluate()
  }

  // ---- the content ----

  async #begin(content: StoredContent): Promise<void> {
    this.#tally.active()
    this.#tally.resumed(content)
    const { digest } = this.#request.identity
    if (digest !== undefined && !content.verified) {
      this.#digestCheck = new WholeDigest(content, digest)
    }
    if (content.complete) await this.#complete()
    else if (this.#request.pattern !== 'source') this.#startFetcher(content)
    this.#ready.resolve(content.meta)
  }

  #startFetcher(content: StoredContent): void {
    const { geometry, generation } = content.meta
    this.#fetcher = new SwarmFetcher({
      subject: { task: this.task, generation, geometry },
      content,
      shared: this.#deps,
      limits: this.#limits,
      urgent: () => this.waits.windows,
      seed: () => this.#seed,
      onRepaired: () => this.#tally.repaired(),
      onBytes: () => this.#tally.active(),
      accept: (index, piece, from) => this.#store(index, piece, from),
      report: (message) => this.#deps.pool.send(message),
      onStorageError: (error) => this.fail(error),
    })
    if (this.#plan !== undefined) this.#fetcher.setPlan(this.#plan.parents, this.#plan.spares)
  }

  get #seed(): HostId | undefined {
    return this.#deps.pool.supernodeOf(this.task)
  }

  /** Keeps a checked piece; `from` is the host it came from, undefined for the origin. */
  async #store(
    index: PieceIndex,
    { data, ...record }: { data: Buffer; sha256: Buffer; proof?: Buffer },
    from: HostId | undefined,
  ): Promise<void> {
    const content = this.#hold.content
    if (content === undefined || this.#state !== 'fetching') return
    if (content.has(index) || this.#storing.has(index)) return this.#tally.repeated()
    this.#storing.add(index)
    this.#digestCheck?.offer(index, data)
    try {
      await content.writePiece(index, data, record)
    } finally {
      this.#storing.delete(index)
    }
    const source = from === undefined ? 'origin' : from === this.#seed ? 'seed' : 'peers'
    this.#tally.received(source, data.length, from)
    this.#deps.onReceived(source, data.length)
    this.#fetcher?.onPiece(index)
    this.waits.stored(index)
    if (content.complete) await this.#complete()
  }

  async #complete(): Promise<void> {
    const content = this.#hold.content
    if (content === undefined || this.#state !== 'fetching' || this.#isChecking) return
    this.#isChecking = true
    this.#origin.stop()
    this.#fetcher?.stop()
    try {
      await this.#digestCheck?.finish()
      await content.markVerified()
    } catch (error) {
      await this.#discard(toAppError(error))
      return
    }
    this.#state = 'complete'
    clearInterval(this.#tick)
    this.#tally.finish()
    this.#reporter.report(content, this.#tally.snapshot())
    this.#hold.letGo()
    this.#finished.resolve(this.snapshot())
  }

  /** The content is wrong: it goes, and whoever reads it fails. */
  async #discard(error: AppError): Promise<void> {
    this.fail(error)
    await this.#deps.store.remove(this.task).catch((err: unknown) => {
      this.#deps.logger.warn({ taskId: this.task, err }, 'wrong content could not be removed')
    })
  }

  // ---- the origin ----

  #evaluate(): void {
    if (this.#state !== 'fetching') return
    if (this.#hold.content !== undefined) {
      this.#reporter.report(this.#hold.content, this.#tally.snapshot())
    }
    const nowMs = this.#deps.now()
    const isFed = this.#plan !== undefined && nowMs - this.#tally.lastActivityMs < STILL_FED_MS
    const swarm = this.#isJoined || isFed ? 'joined' : 'away'
    if (swarm === 'away' && this.readers.noneForMs > ABANDONED_MS) {
      this.fail(new AppError('TIMEOUT', 'nobody waits for the task any more'))
      return
    }
    const decision = decideRescue({
      nowMs,
      startedAtMs: this.#tally.startedMs,
      lastActivityMs: this.#tally.lastActivityMs,
      lengthKnown: this.#hold.meta !== undefined,
      swarm,
      hasSwarmFailed: this.#swarmError !== undefined,
      arePatient: this.readers.arePatient,
      origin: this.#origin.state(swarm),
      readerWaitingSinceMs: this.waits.oldestSinceMs,
      recentBps: this.#tally.recentBps,
    })
    if (decision === 'read-origin') void this.#readOrigin()
    if (decision === 'give-up' && !this.#isChecking) {
      const stalled = new AppError('ORIGIN_STALLED', 'nothing came from the swarm or the origin')
      this.fail(this.#origin.error ?? this.#swarmError ?? stalled)
    }
  }

  async #readOrigin(): Promise<void> {
    const error = await this.#origin.read(this.waits.oldestIndex ?? 0)
    if (error !== undefined && this.#state === 'fetching') {
      if (error.code === 'DISK_FULL' || error.code === 'STORAGE_FAILED') this.fail(error)
      if (error.code === 'CONTENT_CHANGED') await this.#discard(error)
    }
    this.#evaluate()
  }

  // ---- the end ----

  /** Ends the task; pieces that were recorded stay for a later try. */
  fail(error: AppError): void {
    if (this.#state !== 'fetching') return
    this.#state = 'failed'
    this.#tally.fail()
    this.#error = error
    this.#end(error)
    this.#ready.reject(error)
    this.#finished.reject(error)
  }

  /** Leaves the swarm: at the end of the process, or when the content is gone. */
  stop(): void {
    const error = new AppError('TASK_DELETED', 'the task was stopped')
    if (this.#state === 'fetching') this.fail(error)
    else this.#end(error)
  }

  #end(error: AppError): void {
    clearInterval(this.#tick)
    this.#origin.stop()
    this.#fetcher?.stop()
    this.#digestCheck?.stop()
    this.waits.fail(error)
    this.#deps.pool.detach(this.task)
    this.#hold.letGo()
  }
}
