import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createContentStore } from '@df/storage'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sweepDownloads } from './sweep.ts'

const DAY_SECONDS = 24 * 60 * 60
let base: string

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'dfget-stored-'))
})

afterEach(() => {
  rmSync(base, { recursive: true, force: true })
})

/** What a download that began so many days ago left. */
function leftover(name: string, ageDays: number): string {
  const path = join(base, 'downloads', name)
  mkdirSync(path, { recursive: true })
  const about = join(path, 'download.json')
  writeFileSync(about, JSON.stringify({ url: 'http://o/f', output: '/f' }))
  const begun = Date.now() / 1000 - ageDays * DAY_SECONDS
  utimesSync(about, begun, begun)
  return path
}

test('downloads given up a week ago are cleared away, unless they run', async () => {
  const old = leftover('old', 8)
  const young = leftover('young', 6)
  const running = leftover('running', 8)
  const store = createContentStore({ dir: running, quotaBytes: 0 })
  await store.start()
  try {
    await sweepDownloads(base)
    expect([old, young, running].map((path) => existsSync(path))).toEqual([false, true, true])
  } finally {
    await store.stop()
  }
})

test('nothing to clear away is no trouble', async () => {
  await expect(sweepDownloads(join(base, 'absent'))).resolves.toBeUndefined()
})
