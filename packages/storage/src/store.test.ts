import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ContentMeta, PieceRecord } from './content-store.ts'
import { createContentStore } from './create-content-store.ts'
import { fill, KiB, sample, taskOf } from './test-support/samples.ts'
import { TestStore } from './test-support/stores.ts'

let place: TestStore

beforeEach(async () => {
  place = new TestStore()
  await place.start()
})

afterEach(async () => {
  await place.remove()
})

const failed = { code: 'STORAGE_FAILED' }

test('a new content is empty and known', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  expect(content.meta).toEqual(a.meta)
  expect(content.havePieces).toBe(0)
  expect(content.complete).toBe(false)
  expect([...content.bits()]).toEqual([0, 0])
  expect(place.store.list()).toMatchObject([
    { task: a.meta.task, pieces: 10, havePieces: 0, storedBytes: 0, leases: 1, verified: false },
  ])
  content.release()
  expect(place.store.list()).toMatchObject([{ leases: 0 }])
})

test('one content is told of as in the list of all', async () => {
  for (const name of ['a', 'b']) (await place.store.create(sample(name).meta)).release()
  const { task } = sample('b').meta
  expect(place.store.summary(task)).toEqual(place.store.list().find((one) => one.task === task))
  expect(place.store.summary(task)).toMatchObject({ task, havePieces: 0 })
  expect(place.store.summary(taskOf('nobody'))).toBeUndefined()
})

test('what is not stored is not opened', async () => {
  expect(await place.store.open(taskOf('nobody'))).toBeUndefined()
  expect(await place.store.remove(taskOf('nobody'))).toBe(false)
})

test('pieces survive a restart, with their proofs and the verdict on the whole', async () => {
  const a = sample('a', { length: 10 * KiB + 1 })
  const content = await place.store.create(a.meta)
  await fill(content, a)
  expect(content.complete).toBe(true)
  await content.markVerified()
  content.release()
  await place.restart()
  const again = await place.opened(a.meta.task)
  expect(again.meta).toEqual(a.meta)
  expect(again.complete).toBe(true)
  expect(again.verified).toBe(true)
  expect(Buffer.from(again.proof(10) ?? []).toString()).toBe('proof of 10')
  expect(await again.read(0, a.bytes.length)).toEqual(a.bytes)
  expect(place.store.usage()).toEqual({ storedBytes: 10 * KiB + 1, quotaBytes: 0 })
  again.release()
})

test('a blob task keeps its digest over a restart', async () => {
  const a = sample('a')
  const digest = `sha256:${'ab'.repeat(32)}`
  const meta = { ...a.meta, identity: { kind: 'blob', digest } as typeof a.meta.identity }
  const content = await place.store.create(meta)
  content.release()
  await place.restart()
  expect(place.store.list()).toMatchObject([{ identity: { kind: 'blob', digest } }])
})

test('only stored pieces can be read', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a, [1, 2])
  expect(await content.read(KiB, 3 * KiB)).toEqual(a.bytes.subarray(KiB, 3 * KiB))
  expect(await content.read(KiB + 5, KiB + 6)).toEqual(a.bytes.subarray(KiB + 5, KiB + 6))
  expect(await content.read(0, 0)).toEqual(Buffer.alloc(0))
  for (const [start, end] of [
    [KiB - 1, KiB + 1],
    [KiB, 3 * KiB + 1],
    [2 * KiB, KiB],
    [-1, 1],
    [0.5, 1],
    [10 * KiB, 10 * KiB + 1],
  ] as const) {
    await expect(content.read(start, end)).rejects.toMatchObject(failed)
  }
  content.release()
})

test('a piece that does not fit the content is refused', async () => {
  const a = sample('a', { length: 10 * KiB - 1 })
  const content = await place.store.create(a.meta)
  const whole = a.piece(0)
  const record = a.record(0)
  const short: PieceRecord = { sha256: record.sha256.subarray(1) }
  await expect(content.writePiece(10, whole, record)).rejects.toMatchObject(failed)
  await expect(content.writePiece(-1, whole, record)).rejects.toMatchObject(failed)
  await expect(content.writePiece(0.5, whole, record)).rejects.toMatchObject(failed)
  await expect(content.writePiece(9, whole, record)).rejects.toMatchObject(failed)
  await expect(content.writePiece(0, whole.subarray(1), record)).rejects.toMatchObject(failed)
  await expect(content.writePiece(0, whole, short)).rejects.toMatchObject(failed)
  expect(content.havePieces).toBe(0)
  expect(place.store.usage().storedBytes).toBe(0)
  content.release()
})

test('writing a piece twice stores it once, also at the same time', async () => {
  const a = sample('a')
  const b = sample('b')
  const content = await place.store.create(a.meta)
  const told: number[] = []
  content.onPiece((index) => told.push(index))
  await Promise.all([
    content.writePiece(3, a.piece(3), a.record(3)),
    content.writePiece(3, b.piece(3), b.record(3)),
  ])
  await content.writePiece(3, b.piece(3), b.record(3))
  expect(told).toEqual([3])
  expect(await content.read(3 * KiB, 4 * KiB)).toEqual(a.piece(3))
  expect(place.store.usage().storedBytes).toBe(KiB)
  content.release()
})

test('holders of one content see the same pieces and are told of each other’s', async () => {
  const a = sample('a')
  const [first, second] = await Promise.all([
    place.store.create(a.meta),
    place.store.create(a.meta),
  ])
  const third = await place.opened(a.meta.task)
  expect(place.store.list()).toMatchObject([{ leases: 3 }])
  const told: number[] = []
  const stop = second.onPiece((index) => told.push(index))
  await fill(first, a, [1])
  stop()
  await fill(first, a, [2])
  expect(told).toEqual([1])
  expect(third.has(2)).toBe(true)
  first.release()
  first.release()
  expect(place.store.list()).toMatchObject([{ leases: 2 }])
  expect(await third.read(KiB, 2 * KiB)).toEqual(a.piece(1))
  second.release()
  third.release()
})

test('a listener that fails does not fail the write', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  const told: number[] = []
  content.onPiece(() => {
    throw new Error('listener')
  })
  content.onPiece((index) => told.push(index))
  await fill(content, a, [0])
  expect(told).toEqual([0])
  content.release()
})

test('nothing is told or done after a release', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  const other = await place.opened(a.meta.task)
  const told: number[] = []
  content.onPiece((index) => told.push(index))
  content.release()
  await fill(other, a, [0])
  expect(told).toEqual([])
  await expect(content.read(0, KiB)).rejects.toMatchObject(failed)
  await expect(fill(content, a, [1])).rejects.toMatchObject(failed)
  other.release()
})

test('an operation that runs while the last lease is given back ends well', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a)
  const reading = content.read(0, a.bytes.length)
  content.release()
  expect(await reading).toEqual(a.bytes)
})

test('discarded pieces are absent and can be written again', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a)
  await content.markVerified()
  await content.discard([3, 4, 4])
  expect(content.havePieces).toBe(8)
  expect(content.verified).toBe(false)
  expect(content.proof(3)).toBeUndefined()
  await expect(content.read(3 * KiB, 4 * KiB)).rejects.toMatchObject(failed)
  expect(place.store.usage().storedBytes).toBe(8 * KiB)
  await fill(content, a, [3])
  content.release()
  await place.restart()
  const again = await place.opened(a.meta.task)
  expect([again.has(3), again.has(4), again.verified]).toEqual([true, false, false])
  again.release()
})

test('only a complete content can be marked as verified', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a, [0])
  await expect(content.markVerified()).rejects.toMatchObject(failed)
  content.release()
})

test('a content of no bytes is complete at once', async () => {
  const empty = sample('empty', { length: 0 })
  const content = await place.store.create(empty.meta)
  expect(content.complete).toBe(true)
  expect(content.bits()).toHaveLength(0)
  expect(await content.read(0, 0)).toEqual(Buffer.alloc(0))
  await content.markVerified()
  content.release()
  await place.restart()
  const again = await place.opened(empty.meta.task)
  expect([again.complete, again.verified]).toEqual([true, true])
  again.release()
})

test('a piece without a proof is stored, and has none', async () => {
  const a = sample('a', { proofs: false })
  const content = await place.store.create(a.meta)
  await fill(content, a, [0])
  expect(content.has(0)).toBe(true)
  expect(content.proof(0)).toBeUndefined()
  content.release()
})

test('creating what is there gives it back as it is', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a, [5])
  content.release()
  const again = await place.store.create({ ...a.meta, url: 'http://elsewhere.test/a' })
  expect(again.havePieces).toBe(1)
  again.release()
})

test('another generation replaces the content; holders of the old one read on', async () => {
  const old = sample('a', { generation: 'old' })
  const fresh = sample('a', { generation: 'new', length: 3 * KiB })
  const holder = await place.store.create(old.meta)
  await fill(holder, old, [0, 1])
  const content = await place.store.create(fresh.meta)
  expect(content.havePieces).toBe(0)
  await Promise.all([fill(content, fresh), fill(holder, old, [2])])
  expect(await holder.read(0, 3 * KiB)).toEqual(old.bytes.subarray(0, 3 * KiB))
  expect(await content.read(0, 3 * KiB)).toEqual(fresh.bytes)
  holder.release()
  expect(place.store.list()).toMatchObject([{ generation: 'new', havePieces: 3 }])
  expect(place.store.usage().storedBytes).toBe(3 * KiB)
  content.release()
  await place.restart()
  const again = await place.opened(fresh.meta.task)
  expect(await again.read(0, 3 * KiB)).toEqual(fresh.bytes)
  again.release()
})

test('a piece on its way when its content is replaced does not become one of the new content', async () => {
  const old = sample('a', { generation: 'old' })
  const holder = await place.store.create(old.meta)
  const writing = fill(holder, old, [0])
  // Its data is written and its record waits for the next batch.
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  const content = await place.store.create(sample('a', { generation: 'new' }).meta)
  await writing
  expect([holder.has(0), content.has(0)]).toEqual([true, false])
  holder.release()
  content.release()
  await place.restart()
  expect(place.store.list()).toMatchObject([{ generation: 'new', havePieces: 0 }])
})

test('a removed content is gone at once; holders go on until they release it', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a, [0, 1])
  const removing = place.store.remove(a.meta.task)
  expect(place.store.list()).toEqual([])
  expect(await place.store.open(a.meta.task)).toBeUndefined()
  expect(await removing).toBe(true)
  expect(existsSync(place.dataPath(a.meta.task))).toBe(false)
  expect(await place.store.remove(a.meta.task)).toBe(false)

  await fill(content, a)
  expect(content.complete).toBe(true)
  expect(content.proof(0)).toBeUndefined()
  expect(await content.read(0, a.bytes.length)).toEqual(a.bytes)
  expect(place.store.usage().storedBytes).toBe(10 * KiB)
  content.release()
  expect(place.store.usage().storedBytes).toBe(0)
  await place.restart()
  expect(place.store.list()).toEqual([])
})

test('a removed content leaves nothing on disk', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a)
  content.release()
  await place.store.remove(a.meta.task)
  expect(readdirSync(join(place.dir, 'content', a.meta.task.slice(0, 2)))).toEqual([])
  await place.stop()
  await place.withDatabase(async (level) => {
    expect((await level.keys().all()).filter((key) => !key.startsWith('!state!'))).toEqual([])
  })
})

test('a content whose file somebody took away is forgotten', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a)
  content.release()
  rmSync(place.dataPath(a.meta.task))
  expect(await place.store.open(a.meta.task)).toBeUndefined()
  expect(place.store.list()).toEqual([])
  const again = await place.store.create(a.meta)
  expect(again.havePieces).toBe(0)
  again.release()
})

test('the data file is sparse, and all is for its owner only', async () => {
  const a = sample('a', { length: 64 * KiB * KiB, pieceSize: 64 * KiB })
  const content = await place.store.create(a.meta)
  const stat = statSync(place.dataPath(a.meta.task))
  expect(stat.size).toBe(64 * KiB * KiB)
  expect(stat.blocks).toBeLessThan(64)
  expect(stat.mode & 0o777).toBe(0o600)
  for (const dir of ['', 'content', 'meta', `content/${a.meta.task.slice(0, 2)}`]) {
    expect(statSync(join(place.dir, dir)).mode & 0o777).toBe(0o700)
  }
  content.release()
})

test('files are closed when nobody holds them', async () => {
  const before = readdirSync('/proc/self/fd').length
  for (let round = 0; round < 20; round++) {
    const a = sample(round)
    const content = await place.store.create(a.meta)
    await fill(content, a)
    content.release()
  }
  expect(readdirSync('/proc/self/fd').length - before).toBeLessThan(10)
})

test('a content that could not be kept is refused', async () => {
  const { meta } = sample('a')
  const { geometry } = meta
  const wrong: ContentMeta[] = [
    { ...meta, geometry: { ...geometry, contentLength: 2 ** 40 } },
    { ...meta, geometry: { ...geometry, pieceSize: 0 } },
    { ...meta, geometry: { ...geometry, contentLength: -1 } },
    { ...meta, task: '../../outside' as typeof meta.task },
  ]
  for (const one of wrong) await expect(place.store.create(one)).rejects.toMatchObject(failed)
  expect(place.store.list()).toEqual([])
})

test('a store that is not started refuses', async () => {
  const idle = createContentStore({ dir: join(place.dir, 'never'), quotaBytes: 0 })
  await expect(idle.open(taskOf('a'))).rejects.toMatchObject(failed)
  await expect(place.store.start()).rejects.toMatchObject(failed)
  expect(idle.list()).toEqual([])
  await idle.stop()
})

test('a stop waits for what runs; what comes after it fails', async () => {
  const a = sample('a')
  const { store } = place
  const content = await store.create(a.meta)
  const writing = fill(content, a)
  await store.stop()
  await writing
  await expect(content.read(0, 1)).rejects.toMatchObject(failed)
  await expect(content.discard([0])).rejects.toMatchObject(failed)
  content.release()
  await place.restart()
  const again = await place.opened(a.meta.task)
  expect(again.complete).toBe(true)
  again.release()
})
