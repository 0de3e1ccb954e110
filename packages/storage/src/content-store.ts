import type { Geometry, PieceIndex, TaskId, TaskIdentity } from '@df/proto'

/** What is recorded of a content besides its pieces. Never holds a credential. */
export interface ContentMeta {
  task: TaskId
  identity: TaskIdentity
  /** Origin URL without query and user info, for people. */
  url: string
  geometry: Geometry
  generation: string
}

export interface ContentSummary extends ContentMeta {
  pieces: number
  havePieces: number
  verified: boolean
  /** Bytes of its stored pieces. */
  storedBytes: number
  createdAtMs: number
  lastUsedAtMs: number
  leases: number
}

/** What is kept of one stored piece. */
export interface PieceRecord {
  /** 32 bytes. */
  sha256: Uint8Array
  /** The SuperNode's proof (codec/piece-proof.ts); a piece without one is never served to others. */
  proof?: Uint8Array
}

/**
 * Contents on disk, each one sparse file plus one record per piece. Crash-safe: after a kill at any moment
 * at most the pieces not yet recorded are lost; after an unclean end every recorded piece is hashed again
 * before it is trusted. Everything handed out holds a lease until `release()`: nothing leased is evicted.
 */
export interface ContentStore {
  /** @throws AppError DATA_DIR_IN_USE when another process has the directory; STORAGE_FAILED */
  start(): Promise<void>
  /** Waits for what runs. Leases that are still out are void from then on. Never rejects. */
  stop(): Promise<void>
  /**
   * A stored content, complete or not, or undefined. Once after an unclean end it re-checks the recorded
   * pieces first, which takes as long as reading the file.
   * @throws AppError STORAGE_FAILED
   */
  open(task: TaskId): Promise<StoredContent | undefined>
  /**
   * The stored content of exactly this geometry and generation: what is there already, else a new empty one.
   * A content of the same task with another geometry or generation is dropped first.
   * @throws AppError DISK_FULL when the quota leaves no room for all of it even after collecting garbage;
   *   STORAGE_FAILED
   */
  create(meta: ContentMeta): Promise<StoredContent>
  /** Forgets a content; open holders read on until they release it, then the file goes. False when unknown. */
  remove(task: TaskId): Promise<boolean>
  list(): ContentSummary[]
  /** One of {@link list}; undefined when it is not stored. */
  summary(task: TaskId): ContentSummary | undefined
  /** Bytes of stored pieces, removed contents included that somebody still holds; `quotaBytes` 0 for none. */
  usage(): { storedBytes: number; quotaBytes: number }
}

export interface StoredContent {
  readonly meta: ContentMeta
  readonly havePieces: number
  /** All pieces are here. */
  readonly complete: boolean
  /** The whole content was checked against its digest (or, without one, all its pieces against signed hashes). */
  readonly verified: boolean
  has(index: PieceIndex): boolean
  /** ⌈pieces/8⌉ bytes, bit 7 of byte 0 is piece 0. A copy. */
  bits(): Uint8Array
  /**
   * Stores a piece; it can be read and served from then on. Its record follows within milliseconds: see
   * {@link recorded}. Writing a piece that is there already does nothing.
   * `data` is not to change until this resolves.
   * @throws AppError DISK_FULL (ENOSPC, EDQUOT) or STORAGE_FAILED; the piece is then absent
   */
  writePiece(index: PieceIndex, data: Uint8Array, record: PieceRecord): Promise<void>
  /**
   * Resolves when every piece stored so far is recorded, so that it outlives a kill.
   * @throws AppError DISK_FULL or STORAGE_FAILED when some could not be; those are absent again
   */
  recorded(): Promise<void>
  /** Proof of a stored piece, when it has one. None once the content is removed: it is not for others then. */
  proof(index: PieceIndex): Uint8Array | undefined
  /**
   * Bytes [start, end), which must lie within stored pieces. Nothing bounds the buffer but the caller: ask for
   * a MiB at a time.
   * @throws AppError STORAGE_FAILED when a piece of the range is absent or cannot be read
   */
  read(start: number, end: number): Promise<Buffer>
  /** The same into a buffer of the caller: [start, start + length of the buffer). */
  readInto(buffer: Buffer, start: number): Promise<void>
  /** Tells of each piece when it is stored; returns the way to stop. */
  onPiece(listener: (index: PieceIndex) => void): () => void
  /** Records that the whole content is right. Only when complete. */
  markVerified(): Promise<void>
  /** Drops pieces that turned out wrong. */
  discard(indexes: Iterable<PieceIndex>): Promise<void>
  /**
   * Hashes every stored piece again and drops those that are not what was recorded; gives how many.
   * @throws AppError STORAGE_FAILED
   */
  recheck(): Promise<number>
  /**
   * Gives the complete content a second name: a clone or a hard link where the file system can, else a copy.
   * The file has mode 0600, and with a hard link the mode and the bytes are one with the store's.
   * @throws AppError OUTPUT_FAILED (`path` exists, or cannot be made), DISK_FULL
   */
  linkTo(path: string): Promise<void>
  /** Gives the lease back; the object is not used afterwards. */
  release(): void
}
