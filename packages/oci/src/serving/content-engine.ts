import type { BytesBySource, Digest, ErrorCode, TaskId, TaskIdentity } from '@df/proto'

/** Where the content comes from when nobody has it. Its credentials live in memory only. */
export interface ContentOrigin {
  /** A signature in its query is a credential. */
  url: string
  /** The caller's own headers for it. */
  headers?: Record<string, string>
  /** Parameters of the query that do not decide the content and may be credentials, besides known signatures. */
  filterQuery?: readonly string[]
}

export interface ContentRequest {
  identity: TaskIdentity
  source: ContentOrigin
  /** Ask the origin first whether the caller may have it, and whether it is still the same. */
  confirm?: boolean
  signal?: AbortSignal
}

/** A content that is here, or arrives. Close it when done. */
export interface OpenContent {
  readonly task: TaskId
  readonly contentLength: number
  /**
   * Bytes [start, end) in order, each as soon as it is there.
   * @throws AppError while iterating, when nothing can be had any more or the content is wrong
   */
  read(
    range: { start: number; end: number },
    signal: AbortSignal,
    buffers: { take(length: number): Buffer },
  ): AsyncIterable<Buffer>
  /** Where its bytes came from so far, and when it was first wanted (epoch). */
  snapshot(): { received: BytesBySource; startedAtMs: number }
  close(): void
}

/** What contents are had from: the peer of a host, or the seed of a SuperNode. */
export interface ContentEngine {
  /**
   * Resolves as soon as the length is known.
   * @throws AppError when neither swarm nor origin give it
   */
  open(request: ContentRequest): Promise<OpenContent>
  /** Size of a blob that is here whole and checked. */
  storedSize(digest: Digest): number | undefined
  /** Drops what is stored of a task, because it is wrong. */
  forget(task: TaskId): Promise<unknown>
}

/** What serving is counted with. */
export interface ServingMetrics {
  /** A finished request. */
  countPull(pull: {
    kind: string
    status: number
    bytesSent: number
    firstByteMs: number | undefined
  }): void
  /** How a caller's right to a blob was found. */
  countRight(outcome: 'remembered' | 'asked' | 'refused'): void
  /** Bytes that were read straight from the origin, past the engine. */
  countReceived(source: 'direct', bytes: number): void
  countError(part: 'engine' | 'mirror', code: ErrorCode): void
}
