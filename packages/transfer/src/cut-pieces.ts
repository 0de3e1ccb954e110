import { createHash } from 'node:crypto'
import { type Geometry, type PieceIndex, pieceAt, pieceSpan } from '@df/proto'

export interface CutPiece {
  index: PieceIndex
  /** Valid until the next piece is asked for. */
  data: Buffer
  sha256: Buffer
}

/**
 * Cuts a body into pieces, each hashed as its bytes arrive. `start` is the content offset of the body's first
 * byte and must be where a piece begins; a last piece that is cut short is not given. Holds one piece at a time.
 */
export async function* cutPieces(
  body: AsyncIterable<Buffer>,
  geometry: Geometry,
  start: number,
  onBytes?: (count: number) => void,
): AsyncGenerator<CutPiece, void, undefined> {
  let index = pieceAt(geometry, start)
  let span = pieceSpan(geometry, index)
  let data = Buffer.allocUnsafeSlow(span.end - span.start)
  let hash = createHash('sha256')
  let filled = 0
  for await (const chunk of body) {
    onBytes?.(chunk.length)
    for (let at = 0; at < chunk.length && data.length > 0; ) {
      const part = chunk.subarray(at, at + data.length - filled)
      data.set(part, filled)
      hash.update(part)
      filled += part.length
      at += part.length
      if (filled < data.length) continue
      yield { index, data, sha256: hash.digest() }
      index++
      span = pieceSpan(geometry, index)
      const length = Math.max(0, span.end - span.start)
      if (length !== data.length) data = Buffer.allocUnsafeSlow(length)
      hash = createHash('sha256')
      filled = 0
    }
  }
}
