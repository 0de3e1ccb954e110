import { createHash, type Hash } from 'node:crypto'
import { type Geometry, type PieceIndex, pieceAt, pieceLength } from '@df/proto'
import type { HashedPiece } from './piece-sink.ts'

/** Bytes that may wait to be stored for one connection, beside the piece being filled. */
const PENDING_BYTES = 256 * 1024

export interface AssemblerOptions {
  geometry: Geometry
  /** Where the bytes begin: the start of a piece. */
  start: number
  /** Pieces that are stored already are passed over. */
  has(index: PieceIndex): boolean
  put(piece: HashedPiece): Promise<void>
  buffers: BufferPool
}

/**
 * Cuts a stream of bytes into pieces and hashes each while its bytes arrive. Survives the stream: a new
 * connection goes on at `offset`, in the middle of a piece if need be.
 */
export class PieceAssembler {
  readonly #options: AssemblerOptions
  readonly #pending = new Set<Promise<void>>()
  readonly #maxPending: number
  #offset: number
  #buffer: Buffer | undefined
  #hash: Hash | undefined
  #filled = 0
  #failure: { error: unknown } | undefined

  constructor(options: AssemblerOptions) {
    this.#options = options
    this.#offset = options.start
    this.#maxPending = Math.max(1, Math.floor(PENDING_BYTES / options.geometry.pieceSize))
  }

  /** The next byte wanted. */
  get offset(): number {
    return this.#offset
  }

  /** Takes the bytes at `offset`; resolves when there is room for more. @throws AppError DISK_FULL, STORAGE_FAILED */
  async push(chunk: Uint8Array): Promise<void> {
    let rest = chunk
    while (rest.length > 0) {
      const taken = this.#fill(rest)
      this.#offset += taken
      rest = rest.subarray(taken)
      while (this.#pending.size >= this.#maxPending) await Promise.race(this.#pending)
      this.#throwFailure()
    }
  }

  /** Resolves when every whole piece taken is stored. @throws AppError DISK_FULL, STORAGE_FAILED */
  async settle(): Promise<void> {
    await Promise.all(this.#pending)
    this.#throwFailure()
  }

  #fill(bytes: Uint8Array): number {
    const { geometry, has, buffers } = this.#options
    const index = pieceAt(geometry, this.#offset)
    const length = pieceLength(geometry, index)
    const taken = Math.min(bytes.length, length - this.#filled)
    const part = bytes.subarray(0, taken)
    if (this.#filled === 0 && !has(index)) {
      this.#buffer = buffers.take(length)
      this.#hash = createHash('sha256')
    }
    this.#buffer?.set(part, this.#filled)
    this.#hash?.update(part)
    this.#filled += taken
    if (this.#filled === length) this.#finish(index)
    return taken
  }

  #finish(index: PieceIndex): void {
    const { put, buffers } = this.#options
    const data = this.#buffer
    const hash = this.#hash
    this.#filled = 0
    this.#buffer = undefined
    this.#hash = undefined
    if (data === undefined || hash === undefined) return
    const stored: Promise<void> = put({ index, data, sha256: hash.digest() })
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => {
        buffers.giveBack(data)
        this.#pending.delete(stored)
      })
    this.#pending.add(stored)
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/** Piece buffers, used again and again by all connections of one reading. */
export class BufferPool {
  readonly #pieceSize: number
  readonly #free: Buffer[] = []

  constructor(pieceSize: number) {
    this.#pieceSize = pieceSize
  }

  take(length: number): Buffer {
    const buffer = length === this.#pieceSize ? this.#free.pop() : undefined
    return buffer ?? Buffer.allocUnsafeSlow(length)
  }

  giveBack(buffer: Buffer): void {
    if (buffer.length === this.#pieceSize) this.#free.push(buffer)
  }
}
