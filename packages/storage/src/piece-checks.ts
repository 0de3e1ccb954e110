import type { Bitfield } from '@df/codec'
import { type Geometry, type PieceIndex, pieceAt, pieceLength } from '@df/proto'
import type { PieceRecord } from './content-store.ts'
import { misuse } from './storage-error.ts'

const SHA256_BYTES = 32

/** @throws AppError STORAGE_FAILED when this is no piece of the content */
export function refuseUnfitPiece(
  geometry: Geometry,
  have: Bitfield,
  index: PieceIndex,
  data: Uint8Array,
  record: PieceRecord,
): void {
  if (!Number.isSafeInteger(index) || index < 0 || index >= have.count) {
    throw misuse(`there is no piece ${index} among ${have.count}`)
  }
  const length = pieceLength(geometry, index)
  if (data.length !== length) {
    throw misuse(`piece ${index} has ${length} bytes, not ${data.length}`)
  }
  if (record.sha256.length !== SHA256_BYTES) {
    throw misuse(`a sha256 has ${SHA256_BYTES} bytes, not ${record.sha256.length}`)
  }
}

/** @throws AppError STORAGE_FAILED when [start, end) is not all stored */
export function refuseUnstoredRange(
  geometry: Geometry,
  have: Bitfield,
  start: number,
  end: number,
): void {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end)
  if (!whole || start < 0 || start > end || end > geometry.contentLength) {
    throw misuse(`bytes ${start} to ${end} do not lie in ${geometry.contentLength} bytes`)
  }
  if (start === end) return
  const missing = have.firstMissing(pieceAt(geometry, start))
  if (missing <= pieceAt(geometry, end - 1)) throw misuse(`piece ${missing} is not stored`)
}
