import type { BytesBySource, Digest, Sender, TaskId, TaskIdentity } from '@df/proto'
import type { TaskFloor } from './task-floor.ts'

/** Where a consumer may have the content from. Its credentials live in memory only. */
export interface OpenSource {
  /** Origin URL; a signature in its query is a credential. */
  url: string
  /** The caller's own headers for it. */
  headers?: Record<string, string>
  /** Parameters of the query that do not decide the content and may be credentials, besides known signatures. */
  filterQuery?: readonly string[]
}

/** What a consumer asks the engine for. */
export interface OpenRequest {
  identity: TaskIdentity
  source: OpenSource
  /**
   * `p2p` (default): SuperNode first, origin as the rescue · `source`: the origin only · `swarm`: the swarm only, as
   * long as it takes, for what nobody on this host waits for yet; ends with its last reader.
   */
  pattern?: 'p2p' | 'source' | 'swarm'
  /** Bytes per second for this task; absent means no limit of its own. */
  rateLimitBps?: number
  /**
   * Ask the origin with the caller's headers before anything is served (one small request): confirms the
   * caller's right and tells which generation the origin has. For URL tasks; a mirror checks rights itself.
   */
  confirm?: boolean
  signal?: AbortSignal
}

/**
 * The peer of this host. One per process; tasks are shared by all who open them.
 */
export interface Engine {
  start(): Promise<void>
  stop(): Promise<void>
  /**
   * Opens a task. Resolves as soon as the length is known; the content arrives while it is read.
   * @throws AppError ORIGIN_* with detail `status` (and `wwwAuthenticate`, `retryAfter`) when the origin refuses;
   *   BLOB_UNAVAILABLE when neither swarm nor origin gave anything in time
   */
  open(request: OpenRequest): Promise<OpenTask>
  tasks(): TaskSnapshot[]
  /** Size of a content that is here whole and checked. */
  storedSize(task: TaskId): number | undefined
  /**
   * Drops what is stored of a task, because it is wrong or nobody wants it. Open readers of it fail or end;
   * the next `open` starts from nothing. False when the task is not known here.
   */
  forget(task: TaskId): Promise<boolean>
  /** The SuperNodes of this host, and whether the session with each is up now. */
  sessions(): { supernode: string; connected: boolean }[]
  /** Limits in bytes per second, 0 for none; take effect at once, on running tasks too. */
  setLimits(limits: Partial<EngineLimits>): void
}

export interface EngineLimits {
  /** Everything received, and everything sent to other hosts. */
  downBps: number
  upBps: number
  /** What one task receives, unless its request has a limit of its own. */
  taskBps: number
}

/** Gives a buffer of exactly that length, with anything in it. */
export interface BufferSource {
  take(length: number): Buffer
}

/** An open task: a lease on its content. Close it when done. */
export interface OpenTask {
  readonly task: TaskId
  readonly contentLength: number
  /** The state of the origin that the content is of; see codec `generationOf`. */
  readonly generation: string
  /**
   * Bytes [start, end) in order, each as soon as it is there. A range that reaches the end of the content
   * keeps its last bytes back until the whole content is checked against its digest, when it has one.
   * Iterating throws AppError: ORIGIN_STALLED and others when nothing can be had any more, CONTENT_DIGEST_MISMATCH
   * when the content is wrong, DISK_FULL when it cannot be kept (`detail.offset`: bytes delivered so far).
   * `buffers`: where the chunks come from, for consumers that use them again; fresh ones otherwise.
   */
  read(
    range?: { start: number; end: number },
    signal?: AbortSignal,
    buffers?: BufferSource,
  ): AsyncIterable<Buffer>
  /** Resolves when all of it is stored and checked; rejects when the task failed. */
  readonly finished: Promise<TaskSnapshot>
  snapshot(): TaskSnapshot
  /** Hard-links or copies the finished content to `path` (which must not exist). */
  exportTo(path: string): Promise<void>
  close(): void
}

/** Where a task stands, for progress bars, metrics and summaries. */
export interface TaskSnapshot {
  task: TaskId
  url: string
  digest: Digest | undefined
  state: 'fetching' | 'complete' | 'failed'
  contentLength: number
  haveBytes: number
  received: BytesBySource
  /** Who sent how much, the greatest first; not all of them when they are many. */
  senders: readonly Sender[]
  /** Pieces that came though they were here. */
  repeatedPieces: number
  /** Pieces asked of another host than their stripe's parent, and received. */
  repairedPieces: number
  /** So far, or until it ended. */
  durationMs: number
  /** Undefined until it is complete, and when no rate is known. */
  floor: TaskFloor | undefined
  startedAtMs: number
  firstByteMs: number | undefined
  finishedAtMs: number | undefined
  error: string | undefined
}
