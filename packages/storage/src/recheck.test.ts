import { truncateSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { flipByte } from './test-support/damage.ts'
import { fill, KiB, sample } from './test-support/samples.ts'
import { TestStore } from './test-support/stores.ts'

let place: TestStore

beforeEach(async () => {
  place = new TestStore()
  await place.start()
})

afterEach(async () => {
  await place.remove()
})

/** A verified content on disk, nobody holds it. */
async function stored(name: string) {
  const from = sample(name)
  const content = await place.store.create(from.meta)
  await fill(content, from)
  await content.markVerified()
  content.release()
  return from
}

test('checking a content again drops the pieces that changed on disk, and tells how many', async () => {
  const a = await stored('a')
  const content = await place.opened(a.meta.task)
  expect(await content.recheck()).toBe(0)
  expect(content.verified).toBe(true)

  flipByte(place.dataPath(a.meta.task), 3 * KiB)
  expect(await content.recheck()).toBe(1)
  expect(content.has(3)).toBe(false)
  expect(content.verified).toBe(false)
  content.release()
})

test('after a kill, pieces are trusted once they are hashed again', async () => {
  const a = await stored('a')
  await place.crash()
  const store = await place.start()
  expect(store.list()).toMatchObject([{ havePieces: 10, verified: false }])
  const content = await place.opened(a.meta.task)
  expect(content.complete).toBe(true)
  expect(content.verified).toBe(true)
  expect(await content.read(0, a.bytes.length)).toEqual(a.bytes)
  content.release()
})

test('after a kill, what is wrong on disk is dropped for good', async () => {
  const a = await stored('a')
  await place.crash()
  flipByte(place.dataPath(a.meta.task), 0)
  flipByte(place.dataPath(a.meta.task), 9 * KiB + 5)
  await place.start()
  let content = await place.opened(a.meta.task)
  expect(content.havePieces).toBe(8)
  expect([content.has(0), content.has(9)]).toEqual([false, false])
  expect(content.verified).toBe(false)
  expect(place.store.usage().storedBytes).toBe(8 * KiB)
  content.release()

  await place.restart()
  content = await place.opened(a.meta.task)
  expect(content.havePieces).toBe(8)
  content.release()
})

test('a content not opened since a kill is still checked after a restart in order', async () => {
  const a = await stored('a')
  await place.crash()
  flipByte(place.dataPath(a.meta.task), 0)
  await place.start()
  await place.restart()
  const content = await place.opened(a.meta.task)
  expect(content.has(0)).toBe(false)
  expect(content.verified).toBe(false)
  content.release()
})

test('a data file of another length is checked although the end was in order', async () => {
  const a = await stored('a')
  await place.stop()
  truncateSync(place.dataPath(a.meta.task), 4 * KiB + 1)
  await place.start()
  const content = await place.opened(a.meta.task)
  expect(content.havePieces).toBe(4)
  expect(content.verified).toBe(false)
  await fill(content, a)
  expect(await content.read(0, a.bytes.length)).toEqual(a.bytes)
  content.release()
})

test('many openers at once share one check', async () => {
  const a = await stored('a')
  await place.crash()
  flipByte(place.dataPath(a.meta.task), 0)
  await place.start()
  const contents = await Promise.all(Array.from({ length: 5 }, () => place.opened(a.meta.task)))
  expect(contents.map((content) => content.havePieces)).toEqual([9, 9, 9, 9, 9])
  for (const content of contents) content.release()
})

test('a stop ends a check that runs; it is made after the next start', async () => {
  const a = await stored('a')
  await place.crash()
  flipByte(place.dataPath(a.meta.task), 0)
  await place.start()
  const opening = place.opened(a.meta.task)
  await Promise.all([
    expect(opening).rejects.toMatchObject({ code: 'STORAGE_FAILED' }),
    place.stop(),
  ])
  await place.start()
  const content = await place.opened(a.meta.task)
  expect(content.havePieces).toBe(9)
  content.release()
})
