import type { Bitfield } from '@df/codec'
import type { Logger } from '@df/kit'
import type { PieceIndex } from '@df/proto'
import type { ContentMeta, ContentSummary, PieceRecord, StoredContent } from './content-store.ts'
import { DataFile } from './data-file.ts'
import { HeldFile } from './held-file.ts'
import type { Layout } from './layout.ts'
import { Lease } from './lease.ts'
import { LinkOut } from './link-out.ts'
import {
  deleteContent,
  deletePiece,
  type MetaDb,
  type MetaOp,
  putContent,
  putPiece,
} from './meta-db.ts'
import { PieceRecording } from './piece-recording.ts'
import { PieceSet } from './piece-set.ts'
import { wrongPieces } from './recheck.ts'
import { type ContentRecord, newContentRecord } from './records.ts'
import { SavedRecord } from './saved-record.ts'
import type { Evictable, Space } from './space.ts'
import { misuse, storageError } from './storage-error.ts'

/** The time of last use is recorded this exactly; it decides only what is evicted first. */
const LAST_USED_GRAIN_MS = 60_000

/** What the contents of a store share. */
export interface ContentContext {
  layout: Layout
  db: MetaDb
  space: Space<Content>
  now: () => number
  logger: Logger | undefined
  /** Takes a dropped content out of the list. */
  forget: (content: Content) => void
}

/**
 * One content, shared by all who have a lease on it. Whatever decides which file or record a name means
 * (create, lease, drop) happens without waiting in between, so two contents of one task never meet in one place.
 */
export class Content implements Evictable {
  readonly meta: ContentMeta
  readonly #context: ContentContext
  readonly #pieces: PieceSet
  readonly #file: HeldFile
  /** Resolves when a new content's own record is written. */
  readonly #recorded: Promise<void>
  readonly #writing = new Map<PieceIndex, Promise<void>>()
  readonly #listeners = new Set<(index: PieceIndex) => void>()
  readonly #saved: SavedRecord
  readonly #linkOut: LinkOut
  readonly #recording: PieceRecording
  #leases = 0
  #dropped = false
  #closing = false
  #rechecking: Promise<number> | undefined

  private constructor(
    context: ContentContext,
    record: ContentRecord,
    pieces: PieceSet,
    recorded: Promise<void>,
  ) {
    const { task, identity, url, geometry, generation } = record
    this.meta = { task, identity, url, geometry, generation }
    this.#context = context
    this.#saved = new SavedRecord(context.db, record)
    this.#pieces = pieces
    this.#recorded = recorded
    this.#recording = new PieceRecording({
      write: (records) => this.#record(records),
      onFailed: (indexes) => this.#takeOut(indexes),
    })
    this.#file = new HeldFile(context.layout.dataPath(task), {
      opened: (file) => this.#look(file),
      idle: () => this.#becameIdle(),
    })
    this.#linkOut = new LinkOut({
      task,
      layout: context.layout,
      held: this.#file,
      saved: this.#saved,
      isDropped: () => this.#dropped,
    })
  }

  /** A new empty content. Its file replaces whatever lies in its place. */
  static create(context: ContentContext, meta: ContentMeta): Content {
    const { layout, db, now } = context
    layout.createDataDirectory(meta.task)
    DataFile.create(layout.dataPath(meta.task), meta.geometry.contentLength).close()
    const record = newContentRecord(meta, now())
    const recorded = db.commit([putContent(record)])
    const content = new Content(context, record, new PieceSet(meta.geometry), recorded)
    recorded.catch(() => content.drop())
    return content
  }

  /** A content as found on disk. `suspect`: its pieces are to be hashed before they are trusted. */
  static found(
    context: ContentContext,
    record: ContentRecord,
    have: Bitfield,
    suspect: boolean,
  ): Content {
    const pieces = new PieceSet(record.geometry, have)
    const content = new Content(context, record, pieces, Promise.resolve())
    if (suspect) content.#saved.change({ suspect })
    if (!content.complete) content.#saved.change({ verified: false })
    context.space.found(content.storedBytes)
    return content
  }

  get storedBytes(): number {
    return this.#pieces.storedBytes
  }

  get missingBytes(): number {
    return this.#pieces.missingBytes
  }

  get lastUsedAtMs(): number {
    return this.#saved.value.lastUsedAtMs
  }

  get idle(): boolean {
    return this.#file.idle
  }

  get havePieces(): number {
    return this.#pieces.size
  }

  get complete(): boolean {
    return this.#pieces.full
  }

  get verified(): boolean {
    return this.#saved.value.verified && !this.#saved.value.suspect
  }

  has(index: PieceIndex): boolean {
    return this.#pieces.has(index)
  }

  bits(): Uint8Array {
    return this.#pieces.bits()
  }

  summary(): ContentSummary {
    return {
      ...this.meta,
      pieces: this.#pieces.count,
      havePieces: this.#pieces.size,
      verified: this.verified,
      storedBytes: this.storedBytes,
      createdAtMs: this.#saved.value.createdAtMs,
      lastUsedAtMs: this.#saved.value.lastUsedAtMs,
      leases: this.#leases,
    }
  }

  /**
   * A lease, once the pieces are checked where they must be. Undefined when the content was dropped meanwhile,
   * or is now, as its data file has vanished. The lease counts from the call on: what is being opened is not
   * evicted.
   */
  async lease(): Promise<StoredContent | undefined> {
    try {
      if (!this.#file.acquire()) {
        await this.drop()
        return undefined
      }
    } catch (error) {
      throw storageError(error, 'opening a content')
    }
    this.#leases++
    this.#saved.change({ lastUsedAtMs: this.#context.now() })
    try {
      await this.#recorded
      if (this.#saved.value.suspect) await this.recheck()
    } catch (error) {
      this.#endLease()
      throw storageError(error, 'opening a content')
    }
    if (!this.#dropped) return new Lease(this, () => this.#endLease())
    this.#endLease()
    return undefined
  }

  writePiece(index: PieceIndex, data: Uint8Array, record: PieceRecord): Promise<void> {
    this.#pieces.refuseUnfit(index, data, record)
    if (this.#pieces.has(index)) return Promise.resolve()
    const running = this.#writing.get(index)
    if (running !== undefined) return running
    const writing = this.#file
      .use((file) => this.#store(file, index, data, record))
      .finally(() => this.#writing.delete(index))
    this.#writing.set(index, writing)
    return writing
  }

  /** A dropped content has no proofs any more: it is not for others. */
  proof(index: PieceIndex): Uint8Array | undefined {
    if (!this.#pieces.has(index) || this.#dropped) return undefined
    const record = this.#recording.recent(index)
    return (record ?? this.#context.db.piece(this.#saved.value, index))?.proof
  }

  async read(start: number, end: number): Promise<Buffer> {
    this.#pieces.refuseUnstored(start, end)
    const buffer = Buffer.allocUnsafeSlow(end - start)
    await this.readInto(buffer, start)
    return buffer
  }

  async readInto(buffer: Buffer, start: number): Promise<void> {
    this.#pieces.refuseUnstored(start, start + buffer.length)
    if (buffer.length === 0) return
    try {
      await this.#file.use((file) => file.readInto(buffer, start))
    } catch (error) {
      throw storageError(error, 'reading a content')
    }
  }

  onPiece(listener: (index: PieceIndex) => void): () => void {
    // Wrapped: a function given twice is told twice, and taken back one by one.
    const own = (index: PieceIndex) => listener(index)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  async markVerified(): Promise<void> {
    if (!this.complete) throw misuse('a content that is not complete cannot be verified')
    this.#recording.flush()
    this.#saved.change({ verified: true })
    await this.#saved.save()
  }

  async discard(indexes: Iterable<PieceIndex>): Promise<void> {
    this.#recording.flush()
    const deletions = this.#takeOut(indexes)
    if (deletions.length === 0) return
    this.#saved.change({ verified: false })
    await this.#saved.save(deletions)
  }

  async recorded(): Promise<void> {
    await this.#recording.settled()
    this.#recording.throwFailure()
  }

  recheck(): Promise<number> {
    return (this.#rechecking ??= this.#recheck())
  }

  async linkTo(path: string): Promise<void> {
    if (!this.complete) throw misuse('a content that is not complete cannot be linked out')
    await this.#linkOut.linkTo(path)
  }

  /**
   * Forgets the content at once and frees its place; holders of leases go on with the open file. Never
   * rejects: what stays on disk is found and removed at the next start.
   */
  async drop(): Promise<void> {
    if (this.#dropped) return
    this.#dropped = true
    this.#saved.close()
    const { layout, db, space, forget, logger } = this.#context
    const { task } = this.meta
    forget(this)
    if (this.idle) space.giveBack(this.storedBytes)
    const results = await Promise.allSettled([
      layout.removeData(task),
      db.commit([deleteContent(task)]),
      db.forgetPieces(this.#saved.value),
    ])
    for (const result of results) {
      if (result.status === 'fulfilled') continue
      logger?.warn({ err: result.reason, taskId: task }, 'a content was not removed whole')
    }
  }

  /** Waits for what runs and closes the file, whoever has a lease. Gives what is to be recorded last. */
  async close(): Promise<MetaOp[]> {
    this.#closing = true
    await this.#file.settled()
    await this.#recording.settled()
    this.#file.close()
    return this.#saved.unsaved()
  }

  /** A file that is not as it was left makes its pieces suspect. */
  #look(file: DataFile): void {
    const { contentLength } = this.meta.geometry
    const { linkedOutMtimeNs } = this.#saved.value
    const { sizeBytes, mtimeNs } = file.facts()
    const foreign = linkedOutMtimeNs !== null && linkedOutMtimeNs !== String(mtimeNs)
    if (sizeBytes === contentLength && !foreign) return
    this.#saved.change({ suspect: true })
    if (linkedOutMtimeNs === null) file.setSize(contentLength)
    else this.#saved.change({ linkedOutMtimeNs: String(mtimeNs) })
  }

  async #recheck(): Promise<number> {
    const { db, logger } = this.#context
    const { task, geometry } = this.meta
    try {
      await this.#recording.settled()
      const wrong = await this.#file.use((file) =>
        wrongPieces({
          file,
          geometry,
          indexes: this.#pieces.indexes(),
          sha256Of: (index) => db.piece(this.#saved.value, index)?.sha256,
          mayGoOn: () => !this.#closing,
        }),
      )
      const deletions = this.#takeOut(wrong)
      this.#saved.change({
        suspect: false,
        verified: this.#saved.value.verified && wrong.length === 0,
      })
      if (wrong.length > 0) {
        logger?.warn({ taskId: task, pieces: wrong.length }, 'stored pieces were wrong: dropped')
      }
      await this.#saved.save(deletions)
      return wrong.length
    } finally {
      this.#rechecking = undefined
    }
  }

  async #store(
    file: DataFile,
    index: PieceIndex,
    data: Uint8Array,
    record: PieceRecord,
  ): Promise<void> {
    const { space } = this.#context
    this.#recording.throwFailure()
    space.take(data.length)
    try {
      const target =
        this.#saved.value.linkedOutMtimeNs === null ? file : await this.#linkOut.ownFile(file)
      await space.retryWhenFull(data.length, () => target.write(data, this.#pieces.offsetOf(index)))
    } catch (error) {
      space.giveBack(data.length)
      throw storageError(error, 'storing a piece')
    }
    this.#pieces.add(index)
    this.#recording.add(index, record)
    this.#tell(index)
  }

  async #record(records: ReadonlyMap<PieceIndex, PieceRecord>): Promise<void> {
    if (this.#dropped) return
    const { space, db } = this.#context
    const ops = [...records].map(([index, record]) => putPiece(this.#saved.value, index, record))
    await space.retryWhenFull(0, () => db.commit(ops))
  }

  /** Takes pieces out; gives the deletions of their records. */
  #takeOut(indexes: Iterable<PieceIndex>): MetaOp[] {
    const gone = this.#pieces.takeOut(indexes)
    for (const index of gone) this.#recording.drop(index)
    this.#context.space.giveBack(this.#pieces.bytesOf(gone))
    return gone.map((index) => deletePiece(this.#saved.value, index))
  }

  #tell(index: PieceIndex): void {
    for (const listener of this.#listeners) {
      try {
        listener(index)
      } catch (error) {
        this.#context.logger?.error({ err: error }, 'a listener for stored pieces failed')
      }
    }
  }

  #endLease(): void {
    this.#leases--
    this.#saved.change({ lastUsedAtMs: this.#context.now() })
    this.#file.release()
  }

  #becameIdle(): void {
    const { space, logger } = this.#context
    if (this.#dropped) space.giveBack(this.storedBytes)
    if (this.#closing || this.#saved.lastUsedLagMs < LAST_USED_GRAIN_MS) return
    this.#saved.save().catch((error: unknown) => {
      logger?.warn({ err: error, taskId: this.meta.task }, 'the time of use was not recorded')
    })
  }
}
