import { createHash } from 'node:crypto'
import { pieceSpan } from '@df/proto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutPieces } from './cut-pieces.ts'

test('whatever the chunks, the pieces are the content cut at piece borders, each with its hash', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 5000 }),
      fc.integer({ min: 1, max: 900 }),
      fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 20 }),
      fc.nat(3),
      async (bytes, pieceSize, cuts, firstPiece) => {
        const content = Buffer.from(bytes)
        const geometry = { contentLength: content.length, pieceSize, stripes: 1 }
        const start = Math.min(firstPiece * pieceSize, content.length)
        async function* body() {
          let turn = 0
          for (let at = start; at < content.length; ) {
            const end = Math.min(content.length, at + (cuts[turn++ % cuts.length] ?? 1))
            yield content.subarray(at, end)
            at = end
          }
        }
        let next = start
        for await (const piece of cutPieces(body(), geometry, start)) {
          const span = pieceSpan(geometry, piece.index)
          expect(span.start).toBe(next)
          const want = content.subarray(span.start, span.end)
          expect(piece.data.equals(want)).toBe(true)
          expect(piece.sha256.equals(createHash('sha256').update(want).digest())).toBe(true)
          next = span.end
        }
        expect(next).toBe(Math.max(start, content.length))
      },
    ),
  )
})
