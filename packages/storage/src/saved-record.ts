import { type MetaDb, type MetaOp, putContent } from './meta-db.ts'
import type { ContentRecord } from './records.ts'
import { storageError } from './storage-error.ts'

/** The record of one content: as it is now, and how far that is written. */
export class SavedRecord {
  readonly #db: MetaDb
  #value: ContentRecord
  #changed = false
  #closed = false
  #savedLastUsedAtMs: number

  constructor(db: MetaDb, found: ContentRecord) {
    this.#db = db
    this.#value = found
    this.#savedLastUsedAtMs = found.lastUsedAtMs
  }

  get value(): ContentRecord {
    return this.#value
  }

  /** How much later than recorded the content was used. */
  get lastUsedLagMs(): number {
    return this.#value.lastUsedAtMs - this.#savedLastUsedAtMs
  }

  change(part: Partial<ContentRecord>): void {
    this.#value = { ...this.#value, ...part }
    this.#changed = true
  }

  /** Writes the record as it is now, and other changes with it: all or nothing. */
  async save(alongside: readonly MetaOp[] = []): Promise<void> {
    if (this.#closed) return
    this.#changed = false
    this.#savedLastUsedAtMs = this.#value.lastUsedAtMs
    try {
      await this.#db.commit([...alongside, putContent(this.#value)])
    } catch (error) {
      this.#changed = true
      throw storageError(error, 'recording a content')
    }
  }

  /** Nothing is written from now on: the content is no more. */
  close(): void {
    this.#closed = true
  }

  unsaved(): MetaOp[] {
    return this.#changed ? [putContent(this.#value)] : []
  }
}
