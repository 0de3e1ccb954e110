import { existsSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fill, KiB, type Sample, sample } from './test-support/samples.ts'
import { TestStore } from './test-support/stores.ts'

let place: TestStore
let nowMs: number

beforeEach(async () => {
  nowMs = 1_000_000
  place = new TestStore({ quotaBytes: 100 * KiB, now: () => nowMs })
  await place.start()
})

afterEach(async () => {
  await place.remove()
})

/** A complete content of 10 KiB, last used a second after the one before. */
async function stored(name: string): Promise<Sample> {
  nowMs += 1000
  const from = sample(name)
  const content = await place.store.create(from.meta)
  await fill(content, from)
  content.release()
  return from
}

function names(): string[] {
  return place.store.list().map(({ url }) => url.split('/').at(-1) ?? '')
}

async function storedAll(count: number): Promise<Sample[]> {
  const all: Sample[] = []
  for (let i = 0; i < count; i++) all.push(await stored(String(i)))
  return all
}

const full = { code: 'DISK_FULL' }

test('a new content evicts those not used for longest, down to the low mark', async () => {
  const all = await storedAll(10)
  expect(place.store.usage()).toEqual({ storedBytes: 100 * KiB, quotaBytes: 100 * KiB })
  nowMs += 1000
  const touched = await place.opened(all[0]?.meta.task ?? sample('').meta.task)
  touched.release()
  const content = await place.store.create(sample('new').meta)
  // 10 KiB more must fit below 90 KiB: two go, and not the one touched last.
  expect(names()).toEqual(['0', '3', '4', '5', '6', '7', '8', '9', 'new'])
  expect(place.store.usage().storedBytes).toBe(80 * KiB)
  content.release()
})

test('evicted contents leave the disk', async () => {
  const [first] = await storedAll(10)
  const content = await place.store.create(sample('new').meta)
  content.release()
  await place.stop()
  expect(existsSync(place.dataPath(first?.meta.task ?? content.meta.task))).toBe(false)
})

test('what somebody holds is never evicted', async () => {
  const all = await storedAll(10)
  const held = await Promise.all(all.slice(0, 8).map(({ meta }) => place.opened(meta.task)))
  const content = await place.store.create(sample('new').meta)
  expect(names()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', 'new'])
  for (const { release } of [content, ...held].map((it) => ({ release: () => it.release() }))) {
    release()
  }
})

test('a content that cannot fit beside what is held is refused, and nothing is evicted for it', async () => {
  const all = await storedAll(8)
  const held = await Promise.all(all.slice(0, 5).map(({ meta }) => place.opened(meta.task)))
  const large = sample('large', { length: 51 * KiB })
  await expect(place.store.create(large.meta)).rejects.toMatchObject(full)
  expect(names()).toHaveLength(8)
  for (const content of held) content.release()
  const content = await place.store.create(large.meta)
  expect(place.store.usage().storedBytes).toBeLessThanOrEqual(49 * KiB)
  content.release()
})

test('a content larger than the quota is refused, and leaves nothing', async () => {
  const large = sample('large', { length: 100 * KiB + 1 })
  await expect(place.store.create(large.meta)).rejects.toMatchObject(full)
  expect(names()).toEqual([])
})

test('two contents that grow together are stopped at the quota, piece by piece', async () => {
  const a = sample('a', { length: 60 * KiB })
  const b = sample('b', { length: 60 * KiB })
  const first = await place.store.create(a.meta)
  const second = await place.store.create(b.meta)
  await fill(first, a)
  const outcomes = await Promise.allSettled(
    Array.from({ length: 60 }, (_, i) => second.writePiece(i, b.piece(i), b.record(i))),
  )
  const refused = outcomes.filter(({ status }) => status === 'rejected')
  expect(refused).toHaveLength(20)
  expect(second.havePieces).toBe(40)
  expect(place.store.usage().storedBytes).toBe(100 * KiB)
  first.release()
  await fill(second, b)
  expect(second.complete).toBe(true)
  expect(names()).toEqual(['b'])
  second.release()
})

test('a content that is there needs room only for what it lacks', async () => {
  const a = sample('a', { length: 60 * KiB })
  const first = await place.store.create(a.meta)
  await fill(
    first,
    a,
    Array.from({ length: 59 }, (_, index) => index),
  )
  const again = await place.store.create(a.meta)
  expect(again.havePieces).toBe(59)
  first.release()
  again.release()
})

test('a removed content counts until its last holder lets go', async () => {
  const a = await stored('a')
  const held = await place.opened(a.meta.task)
  await place.store.remove(a.meta.task)
  expect(place.store.usage().storedBytes).toBe(10 * KiB)
  held.release()
  expect(place.store.usage().storedBytes).toBe(0)
})

test('the order of use survives a restart', async () => {
  const all = await storedAll(10)
  nowMs += 3_600_000
  const touched = await place.opened(all[0]?.meta.task ?? sample('').meta.task)
  touched.release()
  await place.restart()
  const content = await place.store.create(sample('new').meta)
  expect(names()).toContain('0')
  expect(names()).not.toContain('1')
  content.release()
})

test('a quota made smaller takes effect at the next start', async () => {
  await storedAll(10)
  await place.restart({ quotaBytes: 50 * KiB })
  expect(names().toSorted()).toEqual(['6', '7', '8', '9'])
})

test('marks of one’s own are kept to', async () => {
  await place.restart({ highWater: 0.5, lowWater: 0.2 })
  await storedAll(5)
  expect(names()).toHaveLength(5)
  await stored('new')
  expect(names()).toEqual(['4', 'new'])
})

test('above the high mark but within the quota, held contents may grow', async () => {
  await place.restart({ highWater: 0.5, lowWater: 0.2 })
  const a = sample('a', { length: 90 * KiB })
  const content = await place.store.create(a.meta)
  await fill(content, a)
  expect(place.store.usage().storedBytes).toBe(90 * KiB)
  content.release()
})

test('no quota, no eviction', async () => {
  await place.restart({ quotaBytes: 0 })
  await storedAll(20)
  expect(names()).toHaveLength(20)
})
