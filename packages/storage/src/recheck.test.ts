import { closeSync, openSync, writeSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createContentStore } from './create-content-store.ts'
import { Layout } from './layout.ts'
import { fill, KiB, sample, temporaryDir } from './test-support.ts'

test('checking a content again drops the pieces that changed on disk, and tells how many', async () => {
  const place = temporaryDir()
  const store = createContentStore({ dir: place.dir, quotaBytes: 0 })
  await store.start()
  try {
    const a = sample('a')
    const content = await store.create(a.meta)
    await fill(content, a)
    await content.markVerified()
    expect(await content.recheck()).toBe(0)
    expect(content.verified).toBe(true)

    const fd = openSync(new Layout(place.dir).dataPath(a.meta.task), 'r+')
    writeSync(fd, Buffer.from('!'), 0, 1, 3 * KiB)
    closeSync(fd)
    expect(await content.recheck()).toBe(1)
    expect(content.has(3)).toBe(false)
    expect(content.verified).toBe(false)
    content.release()
  } finally {
    await store.stop()
    place.remove()
  }
})
