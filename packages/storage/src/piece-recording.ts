import type { PieceIndex } from '@df/proto'
import type { PieceRecord } from './content-store.ts'
import { storageError } from './storage-error.ts'

/** Records wait this long for others to be written with: one write costs about as much as a piece. */
const GATHER_MS = 20
const MAX_WAITING = 256
/** Records of the last pieces stored, which others ask for soon. */
const MAX_RECENT = 256

export interface PieceRecordingOptions {
  /** Writes records, all or none; calls take effect in their order. */
  write: (records: ReadonlyMap<PieceIndex, PieceRecord>) => Promise<void>
  /** These could not be written: they are to be taken out. */
  onFailed: (indexes: PieceIndex[]) => void
}

/** The records of a content's pieces on their way to the database, a few milliseconds behind the data. */
export class PieceRecording {
  readonly #options: PieceRecordingOptions
  readonly #recent = new Map<PieceIndex, PieceRecord>()
  #waiting = new Map<PieceIndex, PieceRecord>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #failure: { error: unknown } | undefined

  constructor(options: PieceRecordingOptions) {
    this.#options = options
  }

  add(index: PieceIndex, record: PieceRecord): void {
    this.#waiting.set(index, record)
    this.#recent.set(index, record)
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= MAX_RECENT) break
      if (!this.#waiting.has(oldest)) this.#recent.delete(oldest)
      else break
    }
    if (this.#waiting.size >= MAX_WAITING) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), GATHER_MS)
  }

  /** The record of a piece stored lately; undefined is no statement. */
  recent(index: PieceIndex): PieceRecord | undefined {
    return this.#recent.get(index)
  }

  /** A piece is taken out: its record is not written if it was not yet. */
  drop(index: PieceIndex): void {
    this.#waiting.delete(index)
    this.#recent.delete(index)
  }

  /** Starts writing what waits, before whatever is written after this call. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#waiting.size === 0) return
    const records = this.#waiting
    this.#waiting = new Map()
    const write = this.#options.write(records).catch((error: unknown) => {
      for (const index of records.keys()) this.#recent.delete(index)
      this.#failure ??= { error }
      this.#options.onFailed([...records.keys()])
    })
    this.#writing = Promise.all([this.#writing, write]).then(() => {})
  }

  /** Resolves when every record given so far is written or has failed. */
  async settled(): Promise<void> {
    this.flush()
    await this.#writing
  }

  /** Throws what writing failed with, once. @throws AppError DISK_FULL, STORAGE_FAILED */
  throwFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw storageError(failure.error, 'recording a piece')
  }
}
