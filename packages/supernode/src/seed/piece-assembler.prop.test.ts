import { createHash } from 'node:crypto'
import { AppError, type Geometry, pieceCount, pieceSpan } from '@df/proto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BufferPool, PieceAssembler } from './piece-assembler.ts'
import type { HashedPiece } from './piece-sink.ts'

const content = Buffer.from(Array.from({ length: 400 }, (_, at) => (at * 7 + (at >> 3)) & 0xff))

function geometryOf(contentLength: number, pieceSize: number): Geometry {
  return { contentLength, pieceSize, stripes: 1 }
}

describe('a piece assembler', () => {
  it('cuts the same pieces from whatever chunks the bytes come in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1 }),
        fc.array(fc.boolean(), { minLength: 400, maxLength: 400 }),
        async (contentLength, pieceSize, chunkSizes, have) => {
          const geometry = geometryOf(contentLength, pieceSize)
          const pieces = new Map<number, HashedPiece>()
          const assembler = new PieceAssembler({
            geometry,
            start: 0,
            has: (index) => have[index] === true,
            async put({ index, data, sha256 }) {
              await new Promise((resolve) => setImmediate(resolve))
              pieces.set(index, { index, data: Buffer.from(data), sha256 })
            },
            buffers: new BufferPool(pieceSize),
          })
          for (let nth = 0; assembler.offset < contentLength; nth++) {
            const size = chunkSizes[nth % chunkSizes.length] || 1
            const at = assembler.offset
            await assembler.push(content.subarray(at, Math.min(at + size, contentLength)))
          }
          await assembler.settle()
          for (let index = 0; index < pieceCount(geometry); index++) {
            const { start, end } = pieceSpan(geometry, index)
            const bytes = content.subarray(start, end)
            const piece = pieces.get(index)
            expect(piece === undefined).toBe(have[index] === true)
            if (piece === undefined) continue
            expect(Buffer.compare(piece.data, bytes)).toBe(0)
            expect(piece.sha256).toEqual(createHash('sha256').update(bytes).digest())
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('holds no more than a few pieces that are not stored yet', async () => {
    const geometry = geometryOf(64 * 1024 * 1024, 64 * 1024)
    let storing = 0
    let most = 0
    const assembler = new PieceAssembler({
      geometry,
      start: 0,
      has: () => false,
      async put() {
        most = Math.max(most, ++storing)
        await new Promise((resolve) => setTimeout(resolve, 1))
        storing--
      },
      buffers: new BufferPool(geometry.pieceSize),
    })
    for (let nth = 0; nth < 40; nth++) await assembler.push(Buffer.alloc(256 * 1024))
    await assembler.settle()
    expect(most).toBeLessThanOrEqual(4)
  })

  it('fails with what storing failed with', async () => {
    const full = new AppError('DISK_FULL', 'full')
    const assembler = new PieceAssembler({
      geometry: geometryOf(100, 10),
      start: 0,
      has: () => false,
      put: () => Promise.reject(full),
      buffers: new BufferPool(10),
    })
    const writing = (async () => {
      await assembler.push(content.subarray(0, 100))
      await assembler.settle()
    })()
    await expect(writing).rejects.toBe(full)
  })
})
