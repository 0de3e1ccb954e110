import { createHash } from 'node:crypto'
import { parseDigest } from '@df/proto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fill, KiB, type Sample, sample } from './test-support/samples.ts'
import { TestStore } from './test-support/stores.ts'
import { WholeDigest } from './whole-digest.ts'

let place: TestStore

beforeEach(async () => {
  place = new TestStore()
  await place.start()
})

afterEach(async () => {
  await place.remove()
})

function digestOf(from: Sample, algorithm: 'sha256' | 'sha512' = 'sha256') {
  const hex = createHash(algorithm).update(from.bytes).digest('hex')
  return parseDigest(`${algorithm}:${hex}`)
}

test.each(['sha256', 'sha512'] as const)(
  'pieces stored in any order have the %s of the whole',
  async (algorithm) => {
    const a = sample('a', { length: 20 * KiB - 3 })
    const content = await place.store.create(a.meta)
    await fill(content, a, [0, 7])
    const whole = new WholeDigest(content, digestOf(a, algorithm))
    await fill(content, a, [5, 3, 1])
    await fill(content, a)
    await expect(whole.finish()).resolves.toBeUndefined()
    content.release()
  },
)

test('a content of no bytes has the digest of none', async () => {
  const empty = sample('empty', { length: 0 })
  const content = await place.store.create(empty.meta)
  await expect(new WholeDigest(content, digestOf(empty)).finish()).resolves.toBeUndefined()
  content.release()
})

test('another content than the digest says is refused', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  const whole = new WholeDigest(content, digestOf(sample('b')))
  await fill(content, a)
  await expect(whole.finish()).rejects.toMatchObject({ code: 'CONTENT_DIGEST_MISMATCH' })
  content.release()
})

test('a content that is not complete has no digest yet', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  const whole = new WholeDigest(content, digestOf(a))
  await fill(content, a, [0, 1])
  await expect(whole.finish()).rejects.toMatchObject({ code: 'INTERNAL' })
  content.release()
})

test('a content that cannot be read any more fails the check', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a)
  const whole = new WholeDigest(content, digestOf(a))
  content.release()
  await expect(whole.finish()).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
})
