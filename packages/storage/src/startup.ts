import { rmSync } from 'node:fs'
import { Bitfield } from '@df/codec'
import type { Logger } from '@df/kit'
import { pieceCount } from '@df/proto'
import type { Layout } from './layout.ts'
import { deleteContent, type MetaDb, type MetaOp } from './meta-db.ts'
import {
  type ContentRecord,
  decodeContentRecord,
  decodePieceRecord,
  parsePieceKey,
} from './records.ts'

export interface FoundContent {
  record: ContentRecord
  have: Bitfield
}

/**
 * What is on disk, made consistent: data files without a record and records without a data file are removed,
 * so are torn records.
 */
export async function recoverContents(
  layout: Layout,
  db: MetaDb,
  logger: Logger | undefined,
): Promise<FoundContent[]> {
  const found = new Map<string, FoundContent>()
  const deletions: MetaOp[] = []
  const records = await readContentRecords(db, deletions)
  let orphans = 0
  for (const { path, task } of layout.dataFiles()) {
    const record = task === undefined ? undefined : records.get(task)
    if (record === undefined) {
      rmSync(path, { recursive: true })
      orphans++
      continue
    }
    records.delete(record.task)
    found.set(record.task, { record, have: new Bitfield(pieceCount(record.geometry)) })
  }
  deletions.push(...Array.from(records.keys(), deleteContent))
  await readPieceRecords(db, found, deletions)
  await db.commit(deletions)
  if (orphans > 0 || deletions.length > 0) {
    logger?.warn({ files: orphans, records: deletions.length }, 'leftovers removed from the store')
  }
  return [...found.values()]
}

async function readContentRecords(
  db: MetaDb,
  deletions: MetaOp[],
): Promise<Map<string, ContentRecord>> {
  const records = new Map<string, ContentRecord>()
  for await (const entries of db.contents()) {
    for (const [key, value] of entries) {
      const record = decodeContentRecord(key, value)
      if (record === undefined) deletions.push(deleteContent(key))
      else records.set(key, record)
    }
  }
  return records
}

async function readPieceRecords(
  db: MetaDb,
  found: ReadonlyMap<string, FoundContent>,
  deletions: MetaOp[],
): Promise<void> {
  for await (const entries of db.pieces()) {
    for (const [key, value] of entries) {
      const piece = parsePieceKey(key)
      const content = piece === undefined ? undefined : found.get(piece.task)
      if (piece !== undefined && content?.record.birth === piece.birth) {
        const isRight = decodePieceRecord(key, value) !== undefined
        if (isRight && content.have.add(piece.index)) continue
      }
      deletions.push({ table: 'pieces', key, value: undefined })
    }
  }
}
