import { createHash } from 'node:crypto'
import { type Digest, isAppError } from '@df/proto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { gateByDigest } from './digest-gate.ts'

/** Content, and where it is cut into chunks. */
const chunked = fc
  .tuple(
    fc.uint8Array({ maxLength: 300_000, size: 'max' }),
    fc.array(fc.nat({ max: 300_000 }), { maxLength: 6 }),
  )
  .map(([bytes, cuts]) => {
    const content = Buffer.from(bytes)
    const at = [0, ...cuts.map((cut) => Math.min(cut, content.length)), content.length]
    at.sort((a, b) => a - b)
    return { content, chunks: at.slice(1).map((end, index) => content.subarray(at[index], end)) }
  })

function digestOf(content: Buffer): Digest {
  return `sha512:${createHash('sha512').update(content).digest('hex')}` as Digest
}

async function pass(chunks: Buffer[], digest: Digest, length?: number) {
  const passed: Buffer[] = []
  let error: unknown
  try {
    async function* source() {
      yield* chunks
    }
    for await (const chunk of gateByDigest(source(), digest, length)) passed.push(chunk)
  } catch (thrown) {
    error = thrown
  }
  return { bytes: Buffer.concat(passed), error }
}

it('passes right content on, all of it, with and without a length', async () => {
  await fc.assert(
    fc.asyncProperty(chunked, fc.boolean(), async ({ content, chunks }, known) => {
      const length = known ? content.length : undefined
      const { bytes, error } = await pass(chunks, digestOf(content), length)
      expect(error).toBeUndefined()
      expect(bytes.equals(content)).toBe(true)
    }),
    { numRuns: 60 },
  )
})

it('never passes all of a wrong, long or short content on', async () => {
  await fc.assert(
    fc.asyncProperty(
      chunked,
      fc.nat({ max: 2 }),
      fc.boolean(),
      async ({ content, chunks }, kind, known) => {
        fc.pre(content.length > 1)
        const digest = digestOf(kind === 0 ? Buffer.concat([content, Buffer.of(1)]) : content)
        const said = content.length + (kind === 1 ? 1 : kind === 2 ? -1 : 0)
        const length = known ? said : undefined
        if (kind !== 0 && !known) return
        const { bytes, error } = await pass(chunks, digest, length)
        expect(isAppError(error)).toBe(true)
        expect(bytes.length).toBeLessThan(length ?? content.length)
      },
    ),
    { numRuns: 60 },
  )
})
