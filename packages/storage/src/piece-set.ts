import { Bitfield } from '@df/codec'
import {
  type Geometry,
  type PieceIndex,
  pieceAt,
  pieceCount,
  pieceLength,
  pieceSpan,
} from '@df/proto'
import type { PieceRecord } from './content-store.ts'
import { misuse } from './storage-error.ts'

const SHA256_BYTES = 32

/** Which pieces of a content are stored, and how many bytes they are. */
export class PieceSet {
  readonly geometry: Geometry
  readonly #have: Bitfield

  constructor(geometry: Geometry, have = new Bitfield(pieceCount(geometry))) {
    this.geometry = geometry
    this.#have = have
  }

  get count(): number {
    return this.#have.count
  }

  get size(): number {
    return this.#have.size
  }

  get full(): boolean {
    return this.#have.full
  }

  get storedBytes(): number {
    const { pieceSize } = this.geometry
    const last = this.count - 1
    const short = this.has(last) ? pieceSize - pieceLength(this.geometry, last) : 0
    return this.size * pieceSize - short
  }

  get missingBytes(): number {
    return this.geometry.contentLength - this.storedBytes
  }

  has(index: PieceIndex): boolean {
    return this.#have.has(index)
  }

  bits(): Uint8Array {
    return this.#have.bytes()
  }

  *indexes(): Generator<PieceIndex> {
    for (let index = 0; index < this.count; index++) if (this.has(index)) yield index
  }

  add(index: PieceIndex): void {
    this.#have.add(index)
  }

  /** Gives those that were in the set. */
  takeOut(indexes: Iterable<PieceIndex>): PieceIndex[] {
    return [...indexes].filter((index) => this.#have.delete(index))
  }

  bytesOf(indexes: readonly PieceIndex[]): number {
    return indexes.reduce((sum, index) => sum + pieceLength(this.geometry, index), 0)
  }

  offsetOf(index: PieceIndex): number {
    return pieceSpan(this.geometry, index).start
  }

  /** @throws AppError STORAGE_FAILED when this is no piece of the content */
  refuseUnfit(index: PieceIndex, data: Uint8Array, record: PieceRecord): void {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.count) {
      throw misuse(`there is no piece ${index} among ${this.count}`)
    }
    const length = pieceLength(this.geometry, index)
    if (data.length !== length) {
      throw misuse(`piece ${index} has ${length} bytes, not ${data.length}`)
    }
    if (record.sha256.length !== SHA256_BYTES) {
      throw misuse(`a sha256 has ${SHA256_BYTES} bytes, not ${record.sha256.length}`)
    }
  }

  /** @throws AppError STORAGE_FAILED when bytes [start, end) are not all stored */
  refuseUnstored(start: number, end: number): void {
    const { contentLength } = this.geometry
    const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end)
    if (!whole || start < 0 || start > end || end > contentLength) {
      throw misuse(`bytes ${start} to ${end} do not lie in ${contentLength} bytes`)
    }
    for (
      let index = pieceAt(this.geometry, start);
      index * this.geometry.pieceSize < end;
      index++
    ) {
      if (start < end && !this.has(index)) throw misuse(`piece ${index} is not stored`)
    }
  }
}
