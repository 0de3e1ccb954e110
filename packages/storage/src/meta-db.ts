import { readFileSync } from 'node:fs'
import type { Logger } from '@df/kit'
import { AppError, type PieceIndex, type TaskId } from '@df/proto'
import { Level } from 'level'
import type { PieceRecord } from './content-store.ts'
import { GroupCommit } from './group-commit.ts'
import type { Layout } from './layout.ts'
import {
  type ContentRecord,
  decodePieceRecord,
  encodeContentRecord,
  encodePieceRecord,
  pieceKey,
} from './records.ts'
import { errnoOf } from './storage-error.ts'

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

export function putPiece(task: TaskId, index: PieceIndex, record: PieceRecord): MetaOp {
  const key = pieceKey(task, index)
  return { table: 'pieces', key, value: encodePieceRecord(key, record) }
}

export function deletePiece(task: TaskId, index: PieceIndex): MetaOp {
  return { table: 'pieces', key: pieceKey(task, index), value: undefined }
}

/** The metadata of all contents, in `level`; its lock is the lock of the data directory. */
export class MetaDb {
  /** Whether the store ended in order before this start, and nothing can have been lost since. */
  readonly wasClean: boolean
  readonly #level: Level<string, Buffer>
  readonly #tables: Tables
  readonly #queue = new GroupCommit<MetaOp>((ops) => this.#write(ops))
  #writeFailed = false

  private constructor(level: Level<string, Buffer>, tables: Tables, wasClean: boolean) {
    this.#level = level
    this.#tables = tables
    this.wasClean = wasClean
  }

  /** @throws AppError DATA_DIR_IN_USE, STORAGE_FAILED for a layout of a newer version; others as they come */
  static async open(layout: Layout, logger: Logger | undefined): Promise<MetaDb> {
    const level = await openLevel(layout, logger)
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
  commit(ops: readonly MetaOp[]): Promise<void> {
    return this.#queue.commit(ops)
  }

  /** The record of a piece whose commit has ended; undefined when absent or damaged. */
  piece(task: TaskId, index: PieceIndex): PieceRecord | undefined {
    const key = pieceKey(task, index)
    const value = this.#tables.pieces.getSync(key)
    return value === undefined ? undefined : decodePieceRecord(key, value)
  }

  contents(): AsyncGenerator<[string, Buffer][]> {
    return entries(this.#tables.contents)
  }

  pieces(): AsyncGenerator<[string, Buffer][]> {
    return entries(this.#tables.pieces)
  }

  /**
   * Writes the last changes and closes. The end counts as clean only when no write failed before, as a
   * failed one may be a deletion whose record is still there.
   */
  async close(lastOps: readonly MetaOp[]): Promise<void> {
    await this.#queue.flushed()
    try {
      const boot = bootId()
      const clean = boot !== undefined && !this.#writeFailed
      const mark: MetaOp[] = clean
        ? [{ table: 'state', key: 'clean', value: Buffer.from(boot) }]
        : []
      await this.#level.batch(this.#batch([...lastOps, ...mark]), { sync: true })
    } finally {
      await this.#level.close()
    }
  }

  /** Closes without marking the end as clean. */
  async abandon(): Promise<void> {
    await this.#level.close()
  }

  async #write(ops: MetaOp[]): Promise<void> {
    try {
      await this.#level.batch(this.#batch(ops))
    } catch (error) {
      this.#writeFailed = true
      throw error
    }
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

async function openLevel(
  layout: Layout,
  logger: Logger | undefined,
): Promise<Level<string, Buffer>> {
  try {
    return await tryOpenLevel(layout.metaDir)
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    if (errnoOf(cause) === 'LEVEL_LOCKED') {
      throw new AppError(
        'DATA_DIR_IN_USE',
        `another process uses the data directory ${layout.dir}`,
        {
          hint: 'stop that process, or give this one a data directory of its own (--data-dir)',
          cause: error,
        },
      )
    }
    if (!isDamage(cause)) throw error
    const aside = layout.setMetaAside()
    logger?.error(
      { err: error, aside },
      'the metadata database is damaged: it was moved aside, and the store starts empty',
    )
    layout.createDirectories()
    return await tryOpenLevel(layout.metaDir)
  }
}

async function tryOpenLevel(dir: string): Promise<Level<string, Buffer>> {
  const level = new Level<string, Buffer>(dir, { ...encodings, compression: false })
  await level.open()
  return level
}

/** LevelDB says Corruption, or that a file it knows of is not there. */
function isDamage(cause: unknown): boolean {
  const code = errnoOf(cause)
  if (code === 'LEVEL_CORRUPTION') return true
  return code === 'LEVEL_IO_ERROR' && cause instanceof Error && /no such file/i.test(cause.message)
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
