import type { BufferPool, Logger, TokenBucket } from '@df/kit'
import type { BytesBySource, TaskId } from '@df/proto'
import type { RateEstimate } from '@df/scheduling'
import type { ContentStore, Spool } from '@df/storage'
import type { OriginClient, PieceClient } from '@df/transfer'
import type { SupernodePool } from '../session/supernode-pool.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { OpenRequest } from './engine.ts'

/** What all downloads of this host share. */
export interface DownloadDeps {
  store: ContentStore
  spool: Spool
  pool: SupernodePool
  pieces: PieceClient
  origin: OriginClient
  /** Bounds the bytes in flight. */
  budget: ByteBudget
  buffers: BufferPool
  /** What the host's link was seen to carry. */
  link: RateEstimate
  /** Total download limit. */
  downloads: TokenBucket
  /** Limit of a task that was asked for without one, 0 for none. */
  taskBps: () => number
  logger: Logger
  /** Monotonic clock, in milliseconds. */
  now: () => number
  onReceived(source: keyof BytesBySource, bytes: number): void
  /** Credentials were not sent to a SuperNode, as the link to it is plain. */
  onCredentialsKept(supernodeUrl: string): void
}

/** What a download is for. */
export interface DownloadRequest extends OpenRequest {
  task: TaskId
  /** What the origin told of its state just now; absent when it was not asked. */
  generation?: string
}
