import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeFolder } from './make-folder.ts'

function place(): string {
  const path = mkdtempSync(join(tmpdir(), 'df-folder-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

test('it makes what is missing, and minds nothing that is there', async () => {
  const path = join(place(), 'a/b/c')
  await makeFolder(path, 0o700)
  await makeFolder(path, 0o700)
  expect(statSync(path).mode & 0o777).toBe(0o700)
})

test('several at once make the same, whoever is first at each folder', async () => {
  const root = place()
  for (let round = 0; round < 50; round++) {
    const path = join(root, `${round}/b/c`)
    await Promise.all(Array.from({ length: 20 }, () => makeFolder(path, 0o700)))
    expect(statSync(path).isDirectory()).toBe(true)
  }
})

test('where there cannot be a folder it fails at once', async () => {
  await expect(makeFolder('/proc/x/y', 0o700)).rejects.toMatchObject({ code: 'ENOENT' })
  const file = join(place(), 'file')
  writeFileSync(file, '')
  await expect(makeFolder(file, 0o700)).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(makeFolder(join(file, 'a'), 0o700)).rejects.toMatchObject({ code: 'ENOTDIR' })
})
