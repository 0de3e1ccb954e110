import { type Geometry, pieceCount, pieceSpan } from '@df/proto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { missingSegments } from './segments.ts'

const situations = fc
  .record({
    contentLength: fc.integer({ min: 0, max: 300 }),
    pieceSize: fc.integer({ min: 1, max: 40 }),
    segmentBytes: fc.integer({ min: 1, max: 120 }),
    have: fc.array(fc.boolean(), { minLength: 300, maxLength: 300 }),
  })
  .map(({ contentLength, pieceSize, segmentBytes, have }) => ({
    geometry: { contentLength, pieceSize, stripes: 1 } satisfies Geometry,
    segmentBytes,
    has: (index: number) => have[index] === true,
  }))

describe('missing segments', () => {
  it('are exactly the bytes of the missing pieces, in order', () => {
    fc.assert(
      fc.property(situations, ({ geometry, segmentBytes, has }) => {
        const wanted: number[] = []
        for (let index = 0; index < pieceCount(geometry); index++) {
          const { start, end } = pieceSpan(geometry, index)
          if (!has(index)) for (let at = start; at < end; at++) wanted.push(at)
        }
        const segments = missingSegments(geometry, has, segmentBytes)
        const given = segments.flatMap(({ start, end }) =>
          Array.from({ length: end - start }, (_, at) => start + at),
        )
        expect(given).toEqual(wanted)
      }),
    )
  })

  it('are no larger than allowed, or one piece', () => {
    fc.assert(
      fc.property(situations, ({ geometry, segmentBytes, has }) => {
        const limit = Math.max(segmentBytes, geometry.pieceSize)
        for (const { start, end } of missingSegments(geometry, has, segmentBytes)) {
          expect(end - start).toBeLessThanOrEqual(limit)
          expect(start % geometry.pieceSize).toBe(0)
        }
      }),
    )
  })
})
