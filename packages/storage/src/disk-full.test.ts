import { execFileSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { flipByte } from './test-support/damage.ts'
import { fill, KiB, type Sample, sample } from './test-support/samples.ts'
import { TestStore } from './test-support/stores.ts'

const MiB = 1024 * KiB
const full = { code: 'DISK_FULL', hint: expect.stringContaining('free space') }

let place: TestStore

// A file system of 8 MiB of its own; mounting takes root.
beforeEach(async () => {
  place = new TestStore()
  execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', place.base])
  await place.start()
})

afterEach(async () => {
  try {
    await place.stop()
  } finally {
    execFileSync('/bin/umount', [place.base])
    await place.remove()
  }
})

function large(name: string, lengthMiB: number): Sample {
  return sample(name, { length: lengthMiB * MiB, pieceSize: 64 * KiB })
}

async function stored(name: string, lengthMiB: number): Promise<Sample> {
  const from = large(name, lengthMiB)
  const content = await place.store.create(from.meta)
  await fill(content, from)
  content.release()
  return from
}

/** Takes all that is free; gives the way to free it. */
function fillDisk(): () => void {
  const path = join(place.base, 'filler')
  const { bavail, bsize } = statfsSync(place.base)
  writeFileSync(path, Buffer.alloc(bavail * bsize))
  return () => rmSync(path)
}

/** The pieces of which the write was refused. */
async function refusedOf(content: Awaited<ReturnType<TestStore['opened']>>, from: Sample) {
  const indexes = Array.from({ length: from.pieces }, (_, index) => index)
  const outcomes = await Promise.allSettled(
    indexes.map((index) => content.writePiece(index, from.piece(index), from.record(index))),
  )
  const recorded = content.recorded().then(() => full)
  expect(await recorded.catch((error: unknown) => error)).toMatchObject(full)
  const refused = indexes.filter((index) => !content.has(index))
  const reasons = outcomes.filter((outcome) => outcome.status === 'rejected')
  expect(reasons.every(({ reason }) => reason.code === 'DISK_FULL')).toBe(true)
  return refused
}

test('on a full disk a piece is refused and absent; the others stay', async () => {
  const a = large('a', 16)
  const content = await place.store.create(a.meta)
  const refused = await refusedOf(content, a)
  expect(refused.length).toBeGreaterThan(100)
  expect(refused.filter((index) => content.has(index))).toEqual([])
  expect(content.havePieces).toBe(a.pieces - refused.length)
  expect(place.store.usage().storedBytes).toBe(content.havePieces * 64 * KiB)
  for (let index = 0; index < a.pieces; index++) {
    if (!content.has(index)) continue
    const start = index * 64 * KiB
    expect((await content.read(start, start + 64 * KiB)).equals(a.piece(index))).toBe(true)
  }
  content.release()
})

test('a full disk makes the store evict what nobody holds, and go on', async () => {
  const old = await stored('old', 5)
  const fresh = await stored('new', 5)
  expect(place.store.list().map(({ task }) => task)).toEqual([fresh.meta.task])
  const content = await place.opened(fresh.meta.task)
  expect(content.complete).toBe(true)
  expect((await content.read(0, 5 * MiB)).equals(fresh.bytes)).toBe(true)
  expect(await place.store.open(old.meta.task)).toBeUndefined()
  content.release()
})

test('what was stored after the disk was full survives a restart', async () => {
  const a = large('a', 2)
  const b = sample('b', { length: 512 * KiB, pieceSize: KiB })
  const content = await place.store.create(a.meta)
  const small = await place.store.create(b.meta)
  await fill(content, a)
  await fill(small, b)
  // The data of these pieces has its place on disk already, so their records are what finds it full.
  await small.discard(Array.from({ length: b.pieces }, (_, index) => index))
  const free = fillDisk()
  const refused = await refusedOf(small, b)
  expect(refused.length).toBeGreaterThan(0)
  free()
  await fill(small, b)
  await content.discard([1])
  await fill(content, a)
  content.release()
  small.release()

  await place.restart()
  for (const from of [a, b]) {
    const again = await place.opened(from.meta.task)
    expect(again.complete).toBe(true)
    expect((await again.read(0, from.bytes.length)).equals(from.bytes)).toBe(true)
    again.release()
  }
})

test('a discard that could not be recorded is not forgotten: the end does not count as clean', async () => {
  const b = sample('b', { length: 512 * KiB, pieceSize: KiB })
  const content = await place.store.create(b.meta)
  await fill(content, b)
  const free = fillDisk()
  // The last page of the database's log has room for some.
  let index = 0
  const isDiscarded = () =>
    content.discard([index]).then(
      () => true,
      () => false,
    )
  while (index < b.pieces && (await isDiscarded())) index++
  expect(index).toBeLessThan(b.pieces)
  expect(content.has(index)).toBe(false)
  flipByte(place.dataPath(b.meta.task), index * KiB)
  free()
  await content.discard([b.pieces - 1])
  content.release()

  await place.restart()
  expect(place.store.list()).toMatchObject([{ havePieces: b.pieces - index - 1 }])
  const again = await place.opened(b.meta.task)
  expect(again.has(index)).toBe(false)
  expect(again.havePieces).toBe(b.pieces - index - 2)
  again.release()
})

test('a content can be created on a full disk when something can be evicted', async () => {
  await stored('old', 2)
  fillDisk()
  const b = sample('b')
  const content = await place.store.create(b.meta)
  await fill(content, b)
  expect(content.complete).toBe(true)
  content.release()
})

test('a start on a full disk says so, and works once there is space', async () => {
  const a = await stored('a', 2)
  await place.stop()
  const free = fillDisk()
  await expect(place.start()).rejects.toMatchObject(full)
  free()
  await place.start()
  expect(place.store.list()).toMatchObject([{ task: a.meta.task, havePieces: a.pieces }])
})

test('a stop on a full disk loses no piece', async () => {
  const a = await stored('a', 2)
  const free = fillDisk()
  await place.stop()
  free()
  await place.start()
  expect(place.store.list()).toMatchObject([{ task: a.meta.task, havePieces: a.pieces }])
})
