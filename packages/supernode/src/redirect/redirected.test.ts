import { createHash } from 'node:crypto'
import { headers } from '@df/proto'
import { bytesSource, type FileOriginOptions, signUrl, startFileOrigin } from '@df/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { bootSupernode } from '../test-support/boot.ts'

const content = createHash('shake256', { outputLength: 3_000_000 }).update('stored').digest()
const hex = createHash('sha256').update(content).digest('hex')
const blobPath = `/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`
const filePath = '/quay/layer%20one.tar'
const key = 'the-key-of-the-storage'

/** A SuperNode and the storage of a registry, which has a blob and a file. */
async function setUp(storageOptions: FileOriginOptions = {}, flags: string[] = []) {
  const storage = await startFileOrigin(storageOptions)
  storage.files.set(blobPath, bytesSource(content)).set(filePath, bytesSource(content))
  const { host } = new URL(storage.url)
  const supernode = await bootSupernode({
    flags: ['--redirect.origin', storage.url, '--redirect.allow', host, ...flags],
  })
  onTestFinished(async () => {
    await supernode[Symbol.asyncDispose]()
    await storage.stop()
  })
  const ask = (path: string, more: Record<string, string> = {}, method = 'GET') =>
    fetch(supernode.url + path, { method, headers: more, redirect: 'manual' })
  const signed = (path: string, options = {}) =>
    `/origin/${signUrl(storage.url + path, { key, ...options }).replace('://', '/')}`
  return { storage, supernode, ask, signed }
}

async function isContent(answer: Response): Promise<boolean> {
  return Buffer.from(await answer.arrayBuffer()).equals(content)
}

describe('a redirect to the SuperNode', () => {
  it('is served from its copy, while that is made, and the storage is read once for all', async () => {
    const { storage, supernode, ask } = await setUp()
    storage.faults.set({ match: 'GET', bps: 3_000_000 })
    const started = performance.now()
    const [first, second] = await Promise.all([ask(blobPath), ask(blobPath)])
    expect(performance.now() - started).toBeLessThan(700)
    expect([first.status, first.headers.get('docker-content-digest')]).toEqual([
      200,
      `sha256:${hex}`,
    ])
    expect(await Promise.all([isContent(first), isContent(second)])).toEqual([true, true])
    expect(await isContent(await ask(blobPath))).toBe(true)
    expect(storage.log.sentBytes()).toBe(content.length)
    expect(await (await ask('/metrics')).text()).toContain(
      'supernode_redirects_total{kind="blob",status="200"} 3',
    )
    expect(await supernode.get('/api/v1/tasks')).toMatchObject({
      tasks: [{ uploadedBytes: 3 * content.length }],
    })
  })

  it('gives parts, the last bytes too, and the head', async () => {
    const { ask } = await setUp()
    const parts = [
      ['bytes=10-19', 10, 20],
      ['bytes=2999000-', 2_999_000, 3_000_000],
    ] as const
    for (const [range, start, end] of parts) {
      const part = await ask(blobPath, { range })
      expect([part.status, part.headers.get('content-range')]).toEqual([
        206,
        `bytes ${start}-${end - 1}/3000000`,
      ])
      const bytes = Buffer.from(await part.arrayBuffer())
      expect(bytes.equals(content.subarray(start, end))).toBe(true)
    }
    const head = await ask(blobPath, {}, 'HEAD')
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '3000000'])
  })

  it('respects the right in the query, whoever has had the blob before', async () => {
    const { storage, ask, signed } = await setUp({ signingKey: key })
    expect(await isContent(await ask(signed(blobPath)))).toBe(true)
    expect(await isContent(await ask(signed(blobPath, { expiresInS: 1000 })))).toBe(true)
    expect(storage.log.sentBytes()).toBe(content.length + 2)
    const wrong = await ask(signed(blobPath, { key: 'another' }))
    expect([wrong.status, await wrong.text()]).toEqual([
      403,
      expect.stringContaining('SignatureDoesNotMatch'),
    ])
    const past = { signedAtMs: Date.now() - 60_000, expiresInS: 30 }
    const over = await ask(signed(blobPath, past))
    expect([over.status, await over.text()]).toEqual([
      403,
      expect.stringContaining('Request has expired'),
    ])
  })

  it.each(['bytes=0-', 'bytes=2000000-'])(
    'never completes wrong bytes (%s), and leads to the storage then',
    async (range) => {
      const { storage, ask } = await setUp()
      storage.files.set(blobPath, bytesSource(Buffer.from(content).fill(7, 5, 6)))
      const answer = await ask(blobPath, { range })
      expect(answer.status).toBe(206)
      await expect(answer.arrayBuffer()).rejects.toThrow('terminated')
      const again = await ask(blobPath)
      expect([again.status, again.headers.get('location')]).toEqual([307, storage.url + blobPath])
    },
  )

  it('goes on to a storage that cannot be had from here', async () => {
    const { storage, ask } = await setUp()
    await storage.stop()
    const answer = await ask(`${blobPath}?right=1`)
    expect([answer.status, answer.headers.get('location')]).toEqual([
      307,
      `${storage.url}${blobPath}?right=1`,
    ])
  })

  it('of one of our own programs goes on to the storage: it may be the seed that reads', async () => {
    const { storage, ask } = await setUp()
    const answer = await ask(blobPath, { [headers.originRead]: '1' })
    expect([answer.status, answer.headers.get('location')]).toEqual([307, storage.url + blobPath])
    expect(storage.log.entries).toEqual([])
  })

  it('to an origin that is not listed is refused', async () => {
    const { ask } = await setUp()
    const answer = await ask('/origin/http/127.0.0.1:1/secret')
    expect([answer.status, await answer.text()]).toEqual([
      403,
      expect.stringContaining('--redirect.allow 127.0.0.1:1'),
    ])
  })

  it('is sent no faster than hosts may be', async () => {
    const { ask } = await setUp({}, ['--upload-limit', '4MB/s'])
    const started = performance.now()
    expect(await isContent(await ask(blobPath))).toBe(true)
    expect(performance.now() - started).toBeGreaterThan(500)
  })

  it('to a file that no digest names is served as the storage has it now', async () => {
    const { storage, ask, signed } = await setUp({ signingKey: key })
    expect(await isContent(await ask(signed(filePath)))).toBe(true)
    const changed = Buffer.from(content).reverse()
    storage.files.set(filePath, bytesSource(changed))
    const answer = await ask(signed(filePath))
    expect(Buffer.from(await answer.arrayBuffer()).equals(changed)).toBe(true)
    storage.files.set(filePath, bytesSource(Buffer.alloc(0)))
    expect(await (await ask(signed(filePath))).text()).toBe('')
    const refused = await ask(signed(filePath, { key: 'another' }))
    expect(refused.status).toBe(403)
  })
})
