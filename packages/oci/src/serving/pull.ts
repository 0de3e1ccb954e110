import type { BufferPool } from '@df/kit'
import type { AppError, BytesBySource, Digest } from '@df/proto'
import type { RegistryPath } from '../registry-path.ts'
import type { ContentEngine, ServingMetrics } from './content-engine.ts'
import type { Exchange } from './exchange.ts'
import type { HeaderFields } from './headers.ts'
import type { RegistryClient, Upstream } from './registry-client.ts'
import type { Rights } from './rights.ts'
import type { WrongBlobs } from './wrong-blobs.ts'

/** One GET or HEAD of the registry API, and where its answer goes. */
export interface Pull {
  method: 'GET' | 'HEAD'
  what: RegistryPath
  upstream: Upstream
  /** Path and query at the upstream. */
  path: string
  /** The caller's own fields that are put to the upstream. */
  fields: HeaderFields
  exchange: Exchange
  /** Where the bytes of a blob came from while it was sent; none of them: it was here already. */
  received: BytesBySource
  /** Bytes of a blob that were read past the engine, straight from the registry. */
  directBytes: number
}

export interface BlobPull extends Pull {
  what: { kind: 'blob'; repository: string; digest: Digest }
  credential: Credential
}

/** What the caller's right hangs on at the upstream. */
export type Credential =
  | { kind: 'header'; authorization: string | undefined }
  /** A right in the query of the path, for one method; `endsAtMs` by its own word, when that can be read. */
  | { kind: 'query'; query: string; endsAtMs: number | undefined }

/** What blobs are served with. */
export interface BlobServices {
  engine: ContentEngine
  registry: RegistryClient
  rights: Rights
  wrongBlobs: WrongBlobs
  /** For chunks of blobs on their way to a caller. */
  buffers: BufferPool
  metrics: ServingMetrics
  /** Told when the engine failed and the registry is asked directly, `at` bytes into the blob. */
  onRescue(pull: BlobPull, reason: AppError, at: number): void
}
