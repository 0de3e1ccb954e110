import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Level } from 'level'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createContentStore } from './create-content-store.ts'
import { fill, type Sample, sample, taskOf } from './test-support/samples.ts'
import { TestStore } from './test-support/stores.ts'

let place: TestStore

beforeEach(() => {
  place = new TestStore()
})

afterEach(async () => {
  await place.remove()
})

/** A stopped store with one complete content. */
async function stored(name: string): Promise<Sample> {
  await place.start()
  const from = sample(name)
  const content = await place.store.create(from.meta)
  await fill(content, from)
  await content.markVerified()
  content.release()
  await place.stop()
  return from
}

async function keysBelow(level: Level<string, Buffer>, prefix: string): Promise<string[]> {
  return (await level.keys().all()).filter((key) => key.startsWith(prefix))
}

test('a second store on the same directory is refused, in this process and in another', async () => {
  await place.start()
  const expected = {
    code: 'DATA_DIR_IN_USE',
    message: expect.stringContaining(`another process uses the data directory ${place.dir}`),
    hint: expect.stringContaining('--data-dir'),
  }
  const second = createContentStore({ dir: place.dir, quotaBytes: 0 })
  await expect(second.start()).rejects.toMatchObject(expected)

  const script = `
    import { createContentStore } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))}
    const store = createContentStore({ dir: ${JSON.stringify(place.dir)}, quotaBytes: 0 })
    await store.start().catch((error) => console.log(error.code))`
  const child = spawnSync(
    process.execPath,
    ['--conditions=df-source', '--input-type=module', '--eval', script],
    { encoding: 'utf8' },
  )
  expect(child.stdout.trim()).toBe('DATA_DIR_IN_USE')

  await place.stop()
  await second.start()
  await second.stop()
})

test('nothing is written outside the directory', async () => {
  await stored('a')
  expect(readdirSync(place.dir).toSorted()).toEqual(['content', 'meta'])
  expect(readdirSync(dirname(place.dir))).toHaveLength(1)
})

test('a data file that no record knows is removed, files of others stay', async () => {
  const a = await stored('a')
  const orphan = place.dataPath(taskOf('orphan'))
  const aside = `${place.dataPath(a.meta.task)}.gone-1-0`
  const foreign = join(dirname(orphan), 'notes.txt')
  mkdirSync(dirname(orphan), { recursive: true })
  for (const path of [orphan, aside, foreign]) writeFileSync(path, 'x')
  await place.start()
  expect([orphan, aside, foreign].map((path) => existsSync(path))).toEqual([false, false, true])
  expect(existsSync(place.dataPath(a.meta.task))).toBe(true)
})

test('a record whose data file is gone is dropped, its pieces too', async () => {
  const a = await stored('a')
  rmSync(place.dataPath(a.meta.task))
  await place.start()
  expect(place.store.list()).toEqual([])
  expect(place.store.usage().storedBytes).toBe(0)
  await place.stop()
  await place.withDatabase(async (level) => {
    expect(await keysBelow(level, '!contents!')).toEqual([])
    expect(await keysBelow(level, '!pieces!')).toEqual([])
  })
})

test('a corrupt piece record costs its piece, and only that', async () => {
  const a = await stored('a')
  await place.withDatabase(async (level) => {
    const [first, second, third] = await keysBelow(level, '!pieces!')
    const value = await level.get(first ?? '')
    await level.put(first ?? '', Buffer.concat([value ?? Buffer.alloc(0), Buffer.from('x')]))
    // A record in another's place is as wrong as a damaged one.
    await level.put(second ?? '', value ?? Buffer.alloc(0))
    await level.put(third ?? '', Buffer.alloc(2))
    await level.put('!pieces!nonsense', Buffer.from('nonsense'))
    await level.put(`${first?.slice(0, -8)}000000ff`, Buffer.from('beyond the end'))
  })
  await place.start()
  const content = await place.opened(a.meta.task)
  expect(content.havePieces).toBe(7)
  expect([0, 1, 2, 3].map((index) => content.has(index))).toEqual([false, false, false, true])
  content.release()
})

test('piece records of an earlier content of the same task are not taken for its own', async () => {
  const a = await stored('a')
  await place.withDatabase(async (level) => {
    for (const key of await keysBelow(level, '!pieces!')) {
      const value = await level.get(key)
      await level.del(key)
      const earlier = key.replace(/:[0-9a-f]{8}:/, ':00000000:')
      await level.put(earlier, value ?? Buffer.alloc(0))
    }
  })
  await place.start()
  expect(place.store.list()).toMatchObject([{ task: a.meta.task, havePieces: 0, verified: false }])
})

test('a content with lost pieces is no longer verified', async () => {
  const a = await stored('a')
  await place.withDatabase(async (level) => {
    const [first] = await keysBelow(level, '!pieces!')
    await level.put(first ?? '', Buffer.alloc(3))
  })
  await place.start()
  const content = await place.opened(a.meta.task)
  expect([content.complete, content.verified]).toEqual([false, false])
  content.release()
})

test('a corrupt content record costs the content', async () => {
  const a = await stored('a')
  await place.withDatabase(async (level) => {
    await level.put(`!contents!${a.meta.task}`, Buffer.from('{"task":'))
  })
  await place.start()
  expect(place.store.list()).toEqual([])
  expect(existsSync(place.dataPath(a.meta.task))).toBe(false)
})

test.each([
  ['its CURRENT file is garbage', (meta: string) => writeFileSync(join(meta, 'CURRENT'), 'x')],
  ['a manifest is missing', (meta: string) => rmSync(join(meta, manifestOf(meta)))],
  ['a manifest is damaged', (meta: string) => writeFileSync(join(meta, manifestOf(meta)), 'x')],
])('a database of which %s is moved aside, and the store starts empty', async (_, damage) => {
  const a = await stored('a')
  damage(join(place.dir, 'meta'))
  await place.start()
  expect(place.store.list()).toEqual([])
  expect(existsSync(join(place.dir, 'meta.damaged', 'CURRENT'))).toBe(true)
  const content = await place.store.create(a.meta)
  await fill(content, a)
  content.release()
  await place.restart()
  expect(place.store.list()).toMatchObject([{ havePieces: 10 }])
})

function manifestOf(meta: string): string {
  return readFileSync(join(meta, 'CURRENT'), 'utf8').trim()
}

test('a directory of a newer layout is left alone', async () => {
  await stored('a')
  await place.withDatabase(async (level) => await level.put('!state!layout', Buffer.from('2')))
  await expect(place.start()).rejects.toMatchObject({
    code: 'STORAGE_FAILED',
    message: expect.stringContaining('layout version 2'),
    hint: expect.stringContaining('newer version'),
  })
  await place.withDatabase(async (level) => {
    expect(await keysBelow(level, '!pieces!')).toHaveLength(10)
  })
})

test('a directory that cannot be made is reported', async () => {
  const file = join(dirname(place.dir), 'file')
  writeFileSync(file, '')
  const store = createContentStore({ dir: join(file, 'data'), quotaBytes: 0 })
  await expect(store.start()).rejects.toMatchObject({
    code: 'STORAGE_FAILED',
    message: expect.stringContaining('opening the data directory'),
  })
})

test('pieces of a clean end are trusted without being hashed', async () => {
  const a = await stored('a')
  await place.start()
  expect(place.store.list()).toMatchObject([{ task: a.meta.task, verified: true }])
})

test('a clean end before the last boot of the machine is not trusted', async () => {
  await stored('a')
  await place.withDatabase(async (level) => {
    expect(await level.get('!state!clean')).toBeDefined()
    await level.put('!state!clean', Buffer.from('another boot'))
  })
  await place.start()
  expect(place.store.list()).toMatchObject([{ verified: false, havePieces: 10 }])
})
