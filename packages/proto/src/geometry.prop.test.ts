import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { geometryOf, pieceAt, pieceCount, pieceLength, pieceSpan, stripeOf } from './geometry.ts'

const MiB = 1024 * 1024
const lengths = fc.oneof(
  fc.nat(5_000_000),
  fc.nat(40_000_000_000),
  fc.constantFrom(0, 1, 65_535, 65_536, 65_537, MiB, 32 * MiB, 512 * MiB, 8192 * MiB),
)

describe('geometry', () => {
  test('the pieces cover the content exactly, without gap or overlap', () => {
    fc.assert(
      fc.property(lengths, fc.nat(), (contentLength, pick) => {
        const geometry = geometryOf(contentLength)
        const pieces = pieceCount(geometry)
        expect(pieces === 0).toBe(contentLength === 0)
        if (pieces === 0) return
        expect(pieceSpan(geometry, 0).start).toBe(0)
        expect(pieceSpan(geometry, pieces - 1).end).toBe(contentLength)
        const index = pick % pieces
        const { start, end } = pieceSpan(geometry, index)
        expect(end - start).toBe(pieceLength(geometry, index))
        expect(end).toBeGreaterThan(start)
        expect(pieceAt(geometry, start)).toBe(index)
        expect(pieceAt(geometry, end - 1)).toBe(index)
        expect(stripeOf(geometry, index)).toBeLessThan(geometry.stripes)
      }),
    )
  })

  test('pieces grow with the content, as the design says', () => {
    const sizes = [32 * MiB - 1, 32 * MiB, 512 * MiB, 8192 * MiB, 8192 * MiB + 1].map(
      (length) => geometryOf(length).pieceSize / 1024,
    )
    expect(sizes).toEqual([64, 256, 1024, 1024, 4096])
  })
})
