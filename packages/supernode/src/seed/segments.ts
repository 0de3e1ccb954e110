import { type Geometry, type PieceIndex, pieceCount, pieceSpan } from '@df/proto'

/** Bytes [start, end) that are asked for in one request; both at borders of pieces or at the end. */
export interface Segment {
  start: number
  end: number
}

/** What is lacking of a content, in order, cut so that no request is for more than `segmentBytes`. */
export function missingSegments(
  geometry: Geometry,
  has: (index: PieceIndex) => boolean,
  segmentBytes: number,
): Segment[] {
  const segments: Segment[] = []
  const pieces = pieceCount(geometry)
  for (let index = 0; index < pieces; index++) {
    if (has(index)) continue
    const { start, end } = pieceSpan(geometry, index)
    const last = segments.at(-1)
    if (last?.end === start && end - last.start <= segmentBytes) last.end = end
    else segments.push({ start, end })
  }
  return segments
}
