import { readFileSync } from 'node:fs'
import { AppError, type PieceIndex } from '@df/proto'
import { Level } from 'level'
import pLimit from 'p-limit'
import type { PieceRecord } from './content-store.ts'
import { directoryInUse } from './directory-claim.ts'
import { GroupCommit } from './group-commit.ts'
import type { Layout } from './layout.ts'
import {
  type ContentRecord,
  decodePieceRecord,
  encodeContentRecord,
  encodePieceRecord,
  type PieceOwner,
  pieceKey,
  pieceKeyRange,
} from './records.ts'
import { errnoOf, misuse } from './storage-error.ts'

const LAYOUT_VERSION = '1'
const READ_AHEAD = 1000
const encodings = { keyEncoding: 'utf8', valueEncoding: 'buffer' } as const

type Table = 'contents' | 'pieces' | 'state'

/** One change of the database. */
export interface MetaOp {
  table: Table
  key: string
  /** Undefined deletes. */
  value: Buffer | undefined
}

export function putContent(record: ContentRecord): MetaOp {
  return { table: 'contents', key: record.task, value: encodeContentRecord(record) }
}

export function deleteContent(task: string): MetaOp {
  return { table: 'contents', key: task, value: undefined }
}

export function putPiece(owner: PieceOwner, index: PieceIndex, record: PieceRecord): MetaOp {
  const key = pieceKey(owner, index)
  return { table: 'pieces', key, value: encodePieceRecord(key, record) }
}

export function deletePiece(owner: PieceOwner, index: PieceIndex): MetaOp {
  return { table: 'pieces', key: pieceKey(owner, index), value: undefined }
}

/** The metadata of all contents, in `level`; its lock is the lock of the data directory. */
export class MetaDb {
  /** Whether the store ended in order before this start, and nothing can have been lost since. */
  readonly wasClean: boolean
  readonly #level: Level<string, Buffer>
  readonly #tables: Tables
  readonly #queue = new GroupCommit<MetaOp>((ops) => this.#write(ops))
  readonly #forgetting = pLimit(1)
  #closed = false
  #broken = false
  #writeFailed = false

  private constructor(level: Level<string, Buffer>, tables: Tables, wasClean: boolean) {
    this.#level = level
    this.#tables = tables
    this.wasClean = wasClean
  }

  /** @throws AppError DATA_DIR_IN_USE, STORAGE_FAILED for a layout of a newer version; others as they come */
  static async open(layout: Layout): Promise<MetaDb> {
    const level = await openLevel(layout)
    try {
      const tables = await openTables(level)
      const { state } = tables
      const version = state.getSync('layout')?.toString()
      if (version !== undefined && version !== LAYOUT_VERSION) {
        throw new AppError(
          'STORAGE_FAILED',
          `the data directory ${layout.dir} has layout version ${version}; this program knows ${LAYOUT_VERSION}`,
          { hint: 'use a newer version of this program or another data directory' },
        )
      }
      const wasClean = isThisBoot(state.getSync('clean')?.toString())
      await level.batch(
        [
          { type: 'put', sublevel: state, key: 'layout', value: Buffer.from(LAYOUT_VERSION) },
          { type: 'del', sublevel: state, key: 'clean' },
        ],
        { sync: true },
      )
      return new MetaDb(level, tables, wasClean)
    } catch (error) {
      await level.close()
      throw error
    }
  }

  /** Resolves when the changes are recorded; all of them or none. Calls take effect in their order. */
  async commit(ops: readonly MetaOp[]): Promise<void> {
    if (this.#closed) throw misuse('the store is stopped')
    await this.#queue.commit(ops)
  }

  /** The record of a piece whose commit has ended; undefined when it is absent or cannot be read. */
  piece(owner: PieceOwner, index: PieceIndex): PieceRecord | undefined {
    const key = pieceKey(owner, index)
    try {
      const value = this.#tables.pieces.getSync(key)
      return value === undefined ? undefined : decodePieceRecord(key, value)
    } catch {
      return undefined
    }
  }

  /**
   * Removes the piece records of a content that is no more, one content at a time and beside the commits:
   * thousands of deletions in a batch would hold up the event loop, and the pieces that wait behind them. What
   * a stop leaves of them is removed at the next start.
   */
  async forgetPieces(owner: PieceOwner): Promise<void> {
    await this.#forgetting(async () => {
      if (!this.#closed) await this.#tables.pieces.clear(pieceKeyRange(owner))
    })
  }

  contents(): AsyncGenerator<[string, Buffer][]> {
    return entries(this.#tables.contents)
  }

  pieces(): AsyncGenerator<[string, Buffer][]> {
    return entries(this.#tables.pieces)
  }

  /**
   * Writes the last changes and closes. When a write failed before, the end does not count as clean: what
   * failed may be a deletion, and the record is still there.
   */
  async close(lastOps: readonly MetaOp[]): Promise<void> {
    this.#closed = true
    await this.#queue.flushed()
    await this.#forgetting(() => {})
    try {
      if (this.#writeFailed) throw new Error('a write failed earlier')
      const boot = bootId()
      const mark: MetaOp[] =
        boot === undefined ? [] : [{ table: 'state', key: 'clean', value: Buffer.from(boot) }]
      await this.#level.batch(this.#batch([...lastOps, ...mark]), { sync: true })
    } finally {
      await this.#level.close()
    }
  }

  /** Closes without marking the end as clean. */
  async abandon(): Promise<void> {
    await this.#level.close()
  }

  /**
   * After a failed write LevelDB takes further ones but cannot read them back at the next start (the file
   * has half a record that its writer does not know of), so the database is opened anew first.
   */
  async #write(ops: MetaOp[]): Promise<void> {
    try {
      if (this.#broken) await this.#reopen()
      await this.#level.batch(this.#batch(ops))
    } catch (error) {
      this.#broken = true
      this.#writeFailed = true
      throw error
    }
  }

  async #reopen(): Promise<void> {
    await this.#level.close()
    await this.#level.open()
    await Promise.all(Object.values(this.#tables).map((table) => table.open()))
    this.#broken = false
  }

  #batch(ops: readonly MetaOp[]) {
    return ops.map(({ table, key, value }) => {
      const sublevel = this.#tables[table]
      return value === undefined
        ? { type: 'del' as const, sublevel, key }
        : { type: 'put' as const, sublevel, key, value }
    })
  }
}

type Tables = Awaited<ReturnType<typeof openTables>>

async function openTables(level: Level<string, Buffer>) {
  const tables = {
    contents: level.sublevel<string, Buffer>('contents', encodings),
    pieces: level.sublevel<string, Buffer>('pieces', encodings),
    state: level.sublevel<string, Buffer>('state', encodings),
  }
  await Promise.all(Object.values(tables).map((table) => table.open()))
  return tables
}

async function* entries(table: Tables[Table]): AsyncGenerator<[string, Buffer][]> {
  const iterator = table.iterator()
  try {
    for (;;) {
      const some = await iterator.nextv(READ_AHEAD)
      if (some.length === 0) return
      yield some
    }
  } finally {
    await iterator.close()
  }
}

async function openLevel(layout: Layout): Promise<Level<string, Buffer>> {
  const level = new Level<string, Buffer>(layout.metaDir, { ...encodings, compression: false })
  try {
    await level.open()
    return level
  } catch (error) {
    const locked = error instanceof Error && errnoOf(error.cause) === 'LEVEL_LOCKED'
    throw locked ? directoryInUse(layout.dir, error) : error
  }
}

/** True when LevelDB says Corruption, or that one of its own files is not there. */
export function isDatabaseDamage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = errnoOf(error)
  if (code === 'LEVEL_CORRUPTION') return true
  if (code === 'LEVEL_IO_ERROR' && /no such file/i.test(error.message)) return true
  return isDatabaseDamage(error.cause)
}

/**
 * A clean end is trusted within one boot of the machine only: the data files are not flushed to disk at a
 * stop, so a power cut after it may have lost some of their pages.
 */
function isThisBoot(mark: string | undefined): boolean {
  return mark !== undefined && mark === bootId()
}

function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return undefined
  }
}
