import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Spool } from './spool.ts'

let base: string
let dir: string

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'df-spool-'))
  dir = join(base, 'spool')
})

afterEach(() => {
  rmSync(base, { recursive: true, force: true })
})

async function startedSpool(maxBytes = 1000): Promise<Spool> {
  const spool = new Spool(dir, () => maxBytes)
  await spool.start()
  return spool
}

test('what was appended is read back, and gone when discarded', async () => {
  const file = await (await startedSpool()).create()
  await file.append(Buffer.from('hello '))
  await file.append(Buffer.from('world'))
  expect(file.sizeBytes).toBe(11)
  expect((await file.read(4, 8)).toString()).toBe('o wo')
  const [name = ''] = readdirSync(dir)
  expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600)
  await file.discard()
  expect(readdirSync(dir)).toEqual([])
})

test('a file begun anew holds only what came after', async () => {
  const file = await (await startedSpool()).create()
  await file.append(Buffer.from('first try'))
  file.rewind()
  await file.append(Buffer.from('again'))
  expect(file.sizeBytes).toBe(5)
  expect((await file.read(0, 5)).toString()).toBe('again')
  await file.discard()
})

test('a file does not grow beyond what is allowed', async () => {
  const file = await (await startedSpool(10)).create()
  await file.append(Buffer.alloc(10))
  await expect(file.append(Buffer.alloc(1))).rejects.toMatchObject({ code: 'DISK_FULL' })
  expect(file.sizeBytes).toBe(10)
  await file.discard()
})

test('leftovers of the life before are removed at the start', async () => {
  mkdirSync(dir)
  writeFileSync(join(dir, 'leftover'), 'x')
  await startedSpool()
  expect(existsSync(dir)).toBe(true)
  expect(readdirSync(dir)).toEqual([])
})

test('a place that cannot be written to is reported', async () => {
  const spool = await startedSpool()
  rmSync(dir, { recursive: true })
  await expect(spool.create()).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
})
