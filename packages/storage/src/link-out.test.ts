import {
  appendFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { flipByte } from './test-support/damage.ts'
import { fill, KiB, type Sample, sample } from './test-support/samples.ts'
import { TestStore } from './test-support/stores.ts'

let place: TestStore
let out: string

beforeEach(async () => {
  place = new TestStore()
  await place.start()
  out = join(dirname(place.dir), 'out')
})

afterEach(async () => {
  await place.remove()
})

async function linkedOut(): Promise<Sample> {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a)
  await content.markVerified()
  await content.linkTo(out)
  content.release()
  return a
}

test('a complete content gets a second name', async () => {
  const a = await linkedOut()
  expect(readFileSync(out)).toEqual(a.bytes)
  expect(statSync(out).mode & 0o777).toBe(0o600)
  const content = await place.opened(a.meta.task)
  expect(content.verified).toBe(true)
  content.release()
})

test('an incomplete content is not given out', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a, [0])
  await expect(content.linkTo(out)).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  expect(existsSync(out)).toBe(false)
  content.release()
})

test('a file that is there is not touched', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a)
  writeFileSync(out, 'mine')
  await expect(content.linkTo(out)).rejects.toMatchObject({ code: 'OUTPUT_FAILED' })
  expect(readFileSync(out, 'utf8')).toBe('mine')
  await expect(content.linkTo(join(out, 'below'))).rejects.toMatchObject({ code: 'OUTPUT_FAILED' })
  content.release()
})

test('across file systems the bytes are copied', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a)
  const elsewhere = join('/dev/shm', `df-storage-${process.pid}`)
  try {
    await content.linkTo(elsewhere)
    expect(readFileSync(elsewhere)).toEqual(a.bytes)
    expect(statSync(elsewhere).nlink).toBe(1)
  } finally {
    rmSync(elsewhere, { force: true })
  }
  content.release()
})

test('a removed content that is still held can be given out', async () => {
  const a = sample('a')
  const content = await place.store.create(a.meta)
  await fill(content, a)
  await place.store.remove(a.meta.task)
  await content.linkTo(out)
  expect(readFileSync(out)).toEqual(a.bytes)
  content.release()
})

test('what was written to the file outside is noticed at the next opening', async () => {
  const a = await linkedOut()
  flipByte(out, 5 * KiB)
  utimesSync(out, 1, 1)
  const content = await place.opened(a.meta.task)
  expect(content.has(5)).toBe(statSync(out).nlink === 1)
  expect(content.verified).toBe(statSync(out).nlink === 1)
  content.release()
})

test('a file outside that was only touched costs nothing', async () => {
  const a = await linkedOut()
  utimesSync(out, 1, 1)
  const content = await place.opened(a.meta.task)
  expect([content.complete, content.verified]).toEqual([true, true])
  content.release()
})

test('the store never writes to a file that has a name outside', async () => {
  const a = await linkedOut()
  flipByte(out, 5 * KiB)
  appendFileSync(out, 'longer')
  const edited = readFileSync(out)
  const content = await place.opened(a.meta.task)
  await content.discard([4, 5])
  await fill(content, a)
  expect(readFileSync(out)).toEqual(edited)
  expect(await content.read(0, a.bytes.length)).toEqual(a.bytes)
  content.release()
  await place.restart()
  const again = await place.opened(a.meta.task)
  expect(again.complete).toBe(true)
  expect(await again.read(0, a.bytes.length)).toEqual(a.bytes)
  expect(statSync(place.dataPath(a.meta.task)).size).toBe(a.bytes.length)
  again.release()
})

test('once the name outside is gone the file is written to again', async () => {
  const a = await linkedOut()
  renameSync(out, `${out}.moved`)
  rmSync(`${out}.moved`)
  const before = statSync(place.dataPath(a.meta.task)).ino
  const content = await place.opened(a.meta.task)
  await content.discard([1])
  await fill(content, a)
  expect(statSync(place.dataPath(a.meta.task)).ino).toBe(before)
  content.release()
})

test('a removed content with a name outside is not written to', async () => {
  const a = await linkedOut()
  const content = await place.opened(a.meta.task)
  const linked = statSync(out).nlink > 1
  await place.store.remove(a.meta.task)
  await content.discard([1])
  const [outcome] = await Promise.allSettled([fill(content, a)])
  expect(outcome.status).toBe(linked ? 'rejected' : 'fulfilled')
  expect(readFileSync(out)).toEqual(a.bytes)
  content.release()
})
