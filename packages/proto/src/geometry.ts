import { type Static, Type } from 'typebox'
import type { PieceIndex, StripeIndex } from './ids.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** How a task's content is cut. Piece `i` is bytes `[i·pieceSize, min((i+1)·pieceSize, contentLength))`. */
export const GeometrySchema = Type.Object(
  {
    contentLength: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    pieceSize: Type.Integer({ minimum: 1024, maximum: 64 * MiB }),
    stripes: Type.Integer({ minimum: 1, maximum: 16 }),
  },
  { additionalProperties: false },
)
export type Geometry = Static<typeof GeometrySchema>

/**
 * The geometry of a content of `contentLength` bytes: small pieces, as the ramp of a swarm is its depth
 * times a piece; four stripes, as interior hosts of one stripe are leaves of the others (design §5).
 */
export function geometryOf(contentLength: number): Geometry {
  return {
    contentLength,
    pieceSize: pieceSizeOf(contentLength),
    stripes: contentLength < MiB ? 1 : 4,
  }
}

function pieceSizeOf(contentLength: number): number {
  if (contentLength < 32 * MiB) return 64 * KiB
  if (contentLength < 512 * MiB) return 256 * KiB
  if (contentLength <= 8192 * MiB) return MiB
  return 4 * MiB
}

export function pieceCount(geometry: Geometry): number {
  return Math.ceil(geometry.contentLength / geometry.pieceSize)
}

/** First byte and byte after the last of a piece. */
export function pieceSpan(geometry: Geometry, index: PieceIndex): { start: number; end: number } {
  const start = index * geometry.pieceSize
  return { start, end: Math.min(start + geometry.pieceSize, geometry.contentLength) }
}

export function pieceLength(geometry: Geometry, index: PieceIndex): number {
  const { start, end } = pieceSpan(geometry, index)
  return end - start
}

export function pieceAt(geometry: Geometry, offset: number): PieceIndex {
  return Math.floor(offset / geometry.pieceSize)
}

export function stripeOf(geometry: Geometry, index: PieceIndex): StripeIndex {
  return index % geometry.stripes
}
