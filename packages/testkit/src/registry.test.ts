import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { bytesSource, generatedSource, readAll } from './blob-source.ts'
import type { FaultRule } from './faults.ts'
import { startFaultyProxy } from './faulty-proxy.ts'
import { makeArtifact, makeAttestedIndex, makeImage } from './image.ts'
import { makeLayer } from './layer.ts'
import { pushImage } from './push-image.ts'
import { type RegistryOptions, startRegistry } from './registry.ts'

const content = await readAll(generatedSource('content', 300_000))

async function registryWith(options: RegistryOptions = {}) {
  const registry = await startRegistry(options)
  onTestFinished(() => registry.stop())
  const digest = await registry.content.addBlob('a/b', bytesSource(content))
  return { registry, digest, blob: `${registry.url}/v2/a/b/blobs/${digest}` }
}

async function bodyOf(response: Response) {
  return Buffer.from(await response.arrayBuffer())
}

test('generated content is the same from whatever offset it is read', async () => {
  const source = generatedSource('seed', 1_000_000)
  const whole = await readAll(source)
  expect(whole).toHaveLength(1_000_000)
  for (const [start, end] of [
    [0, 0],
    [0, 16],
    [5, 40],
    [262_143, 700_001],
    [999_999, 1_000_000],
  ] as const) {
    const part = Buffer.concat(await Array.fromAsync(source.read(start, end)))
    expect(part.equals(whole.subarray(start, end))).toBe(true)
  }
  const other = await readAll(generatedSource('other', 1_000_000))
  expect(other.equals(whole)).toBe(false)
})

test('a blob is served whole, by range and by condition, and counted', async () => {
  const { registry, digest, blob } = await registryWith()
  const whole = await fetch(blob)
  expect(Object.fromEntries(whole.headers)).toMatchObject({
    'content-length': '300000',
    'docker-content-digest': digest,
    'accept-ranges': 'bytes',
  })
  expect((await bodyOf(whole)).equals(content)).toBe(true)
  const part = await fetch(blob, { headers: { range: 'bytes=100-199' } })
  expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 100-199/300000'])
  expect((await bodyOf(part)).equals(content.subarray(100, 200))).toBe(true)
  const outside = await fetch(blob, { headers: { range: 'bytes=300000-' } })
  expect([outside.status, outside.headers.get('content-range')]).toEqual([416, 'bytes */300000'])
  const changed = await fetch(blob, { headers: { range: 'bytes=1-2', 'if-range': '"other"' } })
  expect([changed.status, (await bodyOf(changed)).length]).toEqual([200, 300_000])
  const head = await fetch(blob, { method: 'HEAD' })
  expect(head.headers.get('content-length')).toBe('300000')
  expect(registry.blobBytesSent(digest)).toBeGreaterThanOrEqual(600_100)
  expect(registry.log.matching(/^GET .*\/blobs\//)).toHaveLength(4)
})

test('an image, its index, its artifact: pushed by HTTP, read by tag and by digest, listed, referred to', async () => {
  const { registry } = await registryWith()
  const directory = mkdtempSync(join(tmpdir(), 'df-layers-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const layer = await makeLayer(directory, { files: { hello: 'world' } })
  const again = await makeLayer(directory, { files: { hello: 'world' } })
  expect(again.digest).toBe(layer.digest)
  const index = makeAttestedIndex(makeImage({ layers: [layer] }))
  expect(await pushImage(registry.url, 'bench/x:1', index)).toBe(index.digest)
  await pushImage(registry.url, 'bench/x:2', index)
  const artifact = await makeArtifact({
    artifactType: 'application/vnd.test',
    contents: [bytesSource('signature')],
    subject: index,
  })
  await pushImage(registry.url, 'bench/x', artifact)

  const base = `${registry.url}/v2/bench/x`
  const byTag = await fetch(`${base}/manifests/1`)
  expect(byTag.headers.get('docker-content-digest')).toBe(index.digest)
  expect(byTag.headers.get('content-type')).toBe(index.mediaType)
  expect((await bodyOf(byTag)).equals(index.manifest)).toBe(true)
  for (const { digest } of index.children)
    expect((await fetch(`${base}/manifests/${digest}`)).status).toBe(200)
  expect((await bodyOf(await fetch(`${base}/blobs/${layer.digest}`))).length).toBe(
    layer.source.sizeBytes,
  )
  expect(await (await fetch(`${base}/tags/list?n=1`)).json()).toEqual({
    name: 'bench/x',
    tags: ['1'],
  })
  expect(await (await fetch(`${base}/referrers/${index.digest}`)).json()).toMatchObject({
    manifests: [{ digest: artifact.digest, artifactType: 'application/vnd.test' }],
  })
  expect((await fetch(`${registry.url}/v2/other/blobs/${layer.digest}`)).status).toBe(404)
})

test('a push with a wrong digest is refused', async () => {
  const { registry } = await registryWith()
  const layers = [await layerWithLie()]
  await expect(pushImage(registry.url, 'x:1', makeImage({ layers }))).rejects.toThrow('400')
})

async function layerWithLie() {
  const directory = mkdtempSync(join(tmpdir(), 'df-layers-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const layer = await makeLayer(directory, { files: {} })
  return { ...layer, source: bytesSource('something else') }
}

test('basic rights: nobody, a user without rights, a user with rights, everybody', async () => {
  const { registry, blob } = await registryWith({
    auth: {
      scheme: 'basic',
      users: { alice: 'a', bob: 'b' },
      rights: { bob: '^b/' },
      anonymous: '^open/',
    },
  })
  const open = await registry.content.addBlob('open/x', bytesSource('open'))
  const as = (login: string) => ({ headers: { authorization: `Basic ${btoa(login)}` } })
  const statuses = await Promise.all(
    [
      fetch(blob),
      fetch(blob, as('alice:wrong')),
      fetch(blob, as('bob:b')),
      fetch(blob, as('alice:a')),
    ].map(async (response) => (await response).status),
  )
  expect(statuses).toEqual([401, 401, 403, 200])
  expect((await fetch(`${registry.url}/v2/open/x/blobs/${open}`)).status).toBe(200)
  expect((await fetch(`${registry.url}/v2/`)).headers.get('www-authenticate')).toBe(
    'Basic realm="test"',
  )
})

test('token rights: a token gives what its user may, for its time', async () => {
  const { registry, blob } = await registryWith({
    auth: {
      scheme: 'token',
      users: { alice: 'a', bob: 'b' },
      rights: { bob: '^b/' },
      tokenSeconds: 1,
    },
  })
  const refused = await fetch(blob)
  expect(refused.status).toBe(401)
  expect(refused.headers.get('www-authenticate')).toBe(
    `Bearer realm="${registry.url}/token",service="test-registry",scope="repository:a/b:pull"`,
  )
  const ask = `${registry.url}/token?service=test-registry&scope=repository:a/b:pull`
  const tokenOf = async (login?: string) => {
    const headers = login === undefined ? {} : { authorization: `Basic ${btoa(login)}` }
    return ((await (await fetch(ask, { headers })).json()) as { token?: string }).token
  }
  const pull = async (token?: string) =>
    (await fetch(blob, { headers: { authorization: `Bearer ${token}` } })).status
  expect(await tokenOf('alice:wrong')).toBeUndefined()
  const alice = await tokenOf('alice:a')
  expect([
    await pull(await tokenOf()),
    await pull(await tokenOf('bob:b')),
    await pull(alice),
  ]).toEqual([401, 401, 200])
  const form = new URLSearchParams({
    grant_type: 'password',
    username: 'alice',
    password: 'a',
    scope: 'repository:a/b:pull',
  })
  const posted = await fetch(`${registry.url}/token`, { method: 'POST', body: form })
  expect(await pull(((await posted.json()) as { access_token: string }).access_token)).toBe(200)
  await sleep(1100)
  expect(await pull(alice)).toBe(401)
})

/** What a client sees of an answer struck by a rule, straight from the registry and through a proxy. */
async function seen(url: string, init: RequestInit = {}) {
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(500),
      ...init,
    })
    let bytes = 0
    const hash = createHash('sha256')
    try {
      for await (const chunk of response.body ?? []) {
        bytes += chunk.length
        hash.update(chunk)
      }
      return { status: response.status, headers: response.headers, bytes, hash: hash.digest('hex') }
    } catch (error) {
      return { status: response.status, bytes, cut: (error as Error).name }
    }
  } catch (error) {
    return { cut: (error as Error).name }
  }
}

const right = createHash('sha256').update(content).digest('hex')
const flipped = createHash('sha256')
  .update(content.map((byte, at) => (at === 200_000 ? byte ^ 0xff : byte)))
  .digest('hex')
const faults: [Omit<FaultRule, 'match'>, object][] = [
  [{}, { status: 200, bytes: 300_000, hash: right }],
  [
    { status: 503, headers: { 'retry-after': '2' }, body: 'no' },
    { status: 503, bytes: 2 },
  ],
  [{ hang: true }, { cut: 'TimeoutError' }],
  [{ reset: true }, { cut: 'TypeError' }],
  [{ delayMs: 1000 }, { cut: 'TimeoutError' }],
  [{ truncateAt: 100_000 }, { status: 200, bytes: 100_000, cut: 'TypeError' }],
  [{ stallAt: 100_000 }, { status: 200, bytes: 100_000, cut: 'TimeoutError' }],
  [
    { stallAt: 100_000, stallMs: 50 },
    { status: 200, bytes: 300_000, hash: right },
  ],
  [{ bps: 300_000 }, { status: 200, cut: 'TimeoutError' }],
  [{ corruptAt: 200_000 }, { status: 200, bytes: 300_000, hash: flipped }],
  [{ redirect: 'http://elsewhere.test' }, { status: 307, bytes: 0 }],
  [{ redirect: 'loop' }, { status: 307, bytes: 0 }],
]

test.each(faults)(
  '%j shows as %j, from the registry and through the proxy',
  async (fault, expected) => {
    const { registry, digest, blob } = await registryWith()
    registry.faults.set({ match: 'GET .*/blobs/', ...fault })
    expect(await seen(blob)).toMatchObject(expected)
    registry.faults.clear()
    const proxy = await startFaultyProxy({ upstream: registry.url })
    onTestFinished(() => proxy.stop())
    proxy.faults.set({ match: digest, ...fault })
    expect(await seen(`${proxy.url}/v2/a/b/blobs/${digest}`)).toMatchObject(expected)
  },
)

test('ranges can be ignored, lengths left out and headers changed, from the registry and through the proxy', async () => {
  const { registry, digest, blob } = await registryWith()
  const proxy = await startFaultyProxy({ upstream: registry.url })
  onTestFinished(() => proxy.stop())
  for (const [server, url] of [
    [registry, blob],
    [proxy, `${proxy.url}/v2/a/b/blobs/${digest}`],
  ] as const) {
    server.faults.set({
      match: '.',
      noRange: true,
      noLength: true,
      headers: { etag: null, 'x-a': 'b' },
    })
    const response = await fetch(url, { headers: { range: 'bytes=1-2' } })
    expect(response.status).toBe(200)
    expect((await bodyOf(response)).equals(content)).toBe(true)
    expect([...response.headers.keys()]).not.toContain('content-length')
    expect([...response.headers.keys()]).not.toContain('etag')
    expect(response.headers.get('x-a')).toBe('b')
    server.faults.clear()
  }
})

test('a rule strikes as often as it says, and the control face shows and changes rules and log', async () => {
  const { registry, blob } = await registryWith()
  const control = (method: string, path: string, body?: unknown) =>
    fetch(registry.url + path, { method, ...(body ? { body: JSON.stringify(body) } : {}) })
  await control('PUT', '/_faults', [{ match: '^GET .*blobs', status: 500, times: 2 }])
  const statuses = []
  for (let i = 0; i < 3; i++) statuses.push((await seen(blob)).status)
  expect(statuses).toEqual([500, 500, 200])
  expect(await (await control('GET', '/_faults')).json()).toMatchObject([{ times: 0 }])
  await fetch(blob, { headers: { authorization: 'Bearer x' } })
  const log = await (await control('GET', '/_log')).json()
  expect(log).toMatchObject([
    { method: 'GET', status: 500, fault: { status: 500 } },
    { status: 500 },
    { status: 200, sentBytes: 300_000, complete: true },
    { headers: { authorization: 'Bearer x' } },
  ])
  await control('DELETE', '/_faults')
  await control('DELETE', '/_log')
  expect([registry.faults.list(), registry.log.entries]).toEqual([[], []])
})
