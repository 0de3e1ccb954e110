import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ContentStore, StoredContent } from './content-store.ts'
import { createContentStore } from './create-content-store.ts'
import { fill, KiB, sample, temporaryDir } from './test-support.ts'

let place: ReturnType<typeof temporaryDir>
let store: ContentStore

beforeEach(async () => {
  place = temporaryDir()
  store = createContentStore({ dir: place.dir, quotaBytes: 0 })
  await store.start()
})

afterEach(async () => {
  await store.stop()
  place.remove()
})

async function restart(): Promise<void> {
  await store.stop()
  store = createContentStore({ dir: place.dir, quotaBytes: 0 })
  await store.start()
}

async function opened(task: Parameters<ContentStore['open']>[0]): Promise<StoredContent> {
  const content = await store.open(task)
  if (content === undefined) throw new Error('the content is not there')
  return content
}

test('a new content is empty and known', async () => {
  const a = sample('a')
  const content = await store.create(a.meta)
  expect(content.meta).toEqual(a.meta)
  expect(content.havePieces).toBe(0)
  expect(content.complete).toBe(false)
  expect([...content.bits()]).toEqual([0, 0])
  expect(store.list()).toMatchObject([{ task: a.meta.task, pieces: 10, havePieces: 0, leases: 1 }])
  content.release()
  expect(store.list()).toMatchObject([{ leases: 0 }])
})

test('pieces survive a restart, with their proofs and the verdict on the whole', async () => {
  const a = sample('a', { length: 10 * KiB + 1 })
  const content = await store.create(a.meta)
  await fill(content, a)
  expect(content.complete).toBe(true)
  await content.markVerified()
  content.release()
  await restart()
  const again = await opened(a.meta.task)
  expect(again.meta).toEqual(a.meta)
  expect(again.complete).toBe(true)
  expect(again.verified).toBe(true)
  expect(again.proof(10)?.toString()).toBe(Buffer.from('proof of 10').toString())
  expect(await again.read(0, a.bytes.length)).toEqual(a.bytes)
  expect(store.usage()).toEqual({ storedBytes: 10 * KiB + 1, quotaBytes: 0 })
  again.release()
})

test('an absent piece cannot be read', async () => {
  const a = sample('a')
  const content = await store.create(a.meta)
  await fill(content, a, [1, 2])
  expect(await content.read(KiB, 3 * KiB)).toEqual(a.bytes.subarray(KiB, 3 * KiB))
  await expect(content.read(KiB - 1, KiB + 1)).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  await expect(content.read(KiB, 3 * KiB + 1)).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  content.release()
})

test('the data file is sparse and for its owner only', async () => {
  const a = sample('a', { length: 64 * 1024 * KiB, pieceSize: 64 * KiB })
  const content = await store.create(a.meta)
  const { task } = a.meta
  const stat = statSync(join(place.dir, 'content', task.slice(0, 2), `${task}.data`))
  expect(stat.size).toBe(64 * 1024 * KiB)
  expect(stat.blocks).toBeLessThan(64)
  expect(stat.mode & 0o777).toBe(0o600)
  for (const dir of ['', 'content', 'meta', `content/${task.slice(0, 2)}`]) {
    expect(statSync(join(place.dir, dir)).mode & 0o777).toBe(0o700)
  }
  content.release()
})
