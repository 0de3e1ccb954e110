import { createHash } from 'node:crypto'
import { type PieceIndex, pieceCount, pieceSpan, type TaskId } from '@df/proto'
import type { ContentMeta, PieceRecord, StoredContent } from '../content-store.ts'

export const KiB = 1024

export function taskOf(name: string | number): TaskId {
  return createHash('sha256').update(`task ${name}`).digest('hex') as TaskId
}

/** Deterministic content of one task and generation. */
export interface Sample {
  meta: ContentMeta
  bytes: Buffer
  pieces: number
  piece(index: PieceIndex): Buffer
  record(index: PieceIndex): PieceRecord
}

export function sample(
  name: string | number,
  options: { length?: number; pieceSize?: number; generation?: string; proofs?: boolean } = {},
): Sample {
  const { length = 10 * KiB, pieceSize = KiB, generation = 'g1', proofs = true } = options
  const geometry = { contentLength: length, pieceSize, stripes: 1 }
  const bytes = bytesOf(`${name} ${generation}`, length)
  const piece = (index: PieceIndex) => {
    const { start, end } = pieceSpan(geometry, index)
    return bytes.subarray(start, end)
  }
  return {
    meta: {
      task: taskOf(name),
      identity: { kind: 'url', canonicalUrl: `http://origin.test/${name}` },
      url: `http://origin.test/${name}`,
      geometry,
      generation,
    },
    bytes,
    pieces: pieceCount(geometry),
    piece,
    record: (index) => ({
      sha256: sha256(piece(index)),
      ...(proofs ? { proof: Buffer.from(`proof of ${index}`) } : {}),
    }),
  }
}

export async function fill(
  content: StoredContent,
  from: Sample,
  indexes: Iterable<PieceIndex> = Array.from({ length: from.pieces }, (_, index) => index),
): Promise<void> {
  await Promise.all(
    [...indexes].map((index) => content.writePiece(index, from.piece(index), from.record(index))),
  )
  await content.recorded()
}

function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest()
}

/** Bytes that differ at every place and between seeds: a block of the seed over and over, each time with its number. */
function bytesOf(seed: string, length: number): Buffer {
  const block = createHash('sha512').update(seed).digest()
  const blocks = Math.ceil(length / block.length)
  const bytes = Buffer.alloc(blocks * block.length, block)
  for (let number = 0; number < blocks; number++) bytes.writeUInt32LE(number, number * block.length)
  return bytes.subarray(0, length)
}
