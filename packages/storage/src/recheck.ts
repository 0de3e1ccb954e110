import { createHash } from 'node:crypto'
import { type Geometry, type PieceIndex, pieceSpan } from '@df/proto'
import type { DataFile } from './data-file.ts'
import { misuse } from './storage-error.ts'

/** Pieces at once: one is read while another is hashed. */
const LANES = 2
const STEP_BYTES = 1024 * 1024

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
  const indexes = options.indexes[Symbol.iterator]()
  const wrong: PieceIndex[] = []
  const lane = async () => {
    const buffer = Buffer.allocUnsafeSlow(Math.min(STEP_BYTES, options.geometry.pieceSize))
    for (let next = indexes.next(); !next.done; next = indexes.next()) {
      if (!options.mayGoOn()) return
      if (!(await isRight(options, next.value, buffer))) wrong.push(next.value)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  if (!options.mayGoOn()) throw misuse('the store stops')
  return wrong
}

async function isRight(
  options: RecheckOptions,
  index: PieceIndex,
  buffer: Buffer,
): Promise<boolean> {
  const expected = options.sha256Of(index)
  if (expected === undefined) return false
  const { start, end } = pieceSpan(options.geometry, index)
  const hash = createHash('sha256')
  try {
    for (let at = start; at < end; at += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, end - at))
      await options.file.readInto(part, at)
      hash.update(part)
    }
  } catch {
    return false
  }
  return hash.digest().equals(expected)
}
