import { createHash } from 'node:crypto'
import { type Geometry, type PieceIndex, pieceSpan } from '@df/proto'
import pLimit from 'p-limit'
import type { DataFile } from './data-file.ts'
import { misuse } from './storage-error.ts'

/** Pieces read ahead while one is hashed: bounds the memory, keeps the disk busy. */
const CONCURRENT_PIECES = 2
/** How many pieces are looked at before the next ones are queued. */
const ROUND = 256

export interface RecheckOptions {
  file: DataFile
  geometry: Geometry
  indexes: Iterable<PieceIndex>
  sha256Of: (index: PieceIndex) => Uint8Array | undefined
  /** False ends it early. */
  mayGoOn: () => boolean
}

/**
 * Hashes recorded pieces; gives those that are not what was recorded or cannot be read.
 * @throws AppError STORAGE_FAILED when it was ended early
 */
export async function wrongPieces(options: RecheckOptions): Promise<PieceIndex[]> {
  const limit = pLimit(CONCURRENT_PIECES)
  const wrong: PieceIndex[] = []
  let round: Promise<void>[] = []
  for (const index of options.indexes) {
    round.push(
      limit(async () => {
        if (!options.mayGoOn()) throw misuse('the store stops')
        if (!(await isRight(options, index))) wrong.push(index)
      }),
    )
    if (round.length < ROUND) continue
    await Promise.all(round)
    round = []
  }
  await Promise.all(round)
  return wrong
}

async function isRight(options: RecheckOptions, index: PieceIndex): Promise<boolean> {
  const expected = options.sha256Of(index)
  if (expected === undefined) return false
  const { start, end } = pieceSpan(options.geometry, index)
  try {
    const data = await options.file.read(start, end)
    return createHash('sha256').update(data).digest().equals(expected)
  } catch {
    return false
  }
}
