import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PreheatJob, PreheatJobSchema } from '@df/proto'
import {
  bytesSource,
  type Image,
  makeArtifact,
  makeIndex,
  startRegistry,
  type TestRegistry,
} from '@df/testkit'
import { Value } from 'typebox/value'
import { afterEach, describe, expect, it } from 'vitest'
import { bootSupernode, type RunningSupernode } from '../test-support/boot.ts'
import { TestHost } from '../test-support/host.ts'
import { startOrigin } from '../test-support/origin.ts'
import { blobSample, KiB } from '../test-support/sample.ts'

const undos: (() => unknown)[] = []
afterEach(async () => {
  for (const undo of undos.splice(0).reverse()) await undo()
})
function keep<T extends AsyncDisposable>(thing: T): T {
  undos.push(() => thing[Symbol.asyncDispose]())
  return thing
}

async function registryOf(options?: Parameters<typeof startRegistry>[0]): Promise<TestRegistry> {
  const registry = await startRegistry(options)
  undos.push(() => registry.stop())
  return registry
}

const artifact = (text: string, subject?: Image) =>
  makeArtifact({
    artifactType: 'application/vnd.test',
    contents: [bytesSource(Buffer.from(text.repeat(1000)))],
    ...(subject === undefined ? {} : { subject }),
  })

async function post(
  { url }: RunningSupernode,
  body: unknown,
): Promise<{ status: number; job: PreheatJob }> {
  const response = await fetch(`${url}/api/v1/preheats`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, job: (await response.json()) as PreheatJob }
}

const jobOf = async (supernode: RunningSupernode, id: string) =>
  (await supernode.get(`/api/v1/preheats/${id}`)) as PreheatJob

async function ended(supernode: RunningSupernode, id: string): Promise<PreheatJob> {
  await expect
    .poll(async () => (await jobOf(supernode, id)).state, { timeout: 15_000 })
    .not.toBe('running')
  return jobOf(supernode, id)
}

describe('a preheat of an image', () => {
  it('brings the blobs of the platforms asked for to the SuperNode, each byte once', async () => {
    const registry = await registryOf()
    const children = await Promise.all(['amd64', 'arm64', 's390x'].map((one) => artifact(one)))
    const index = makeIndex(
      children.map((image, at) => ({ image, architecture: ['amd64', 'arm64', 's390x'][at] ?? '' })),
    )
    registry.content.addImage('team/app:1', index)
    const supernode = keep(await bootSupernode())
    const request = {
      images: ['registry.test/team/app:1'],
      platforms: ['linux/amd64', 'linux/arm64'],
      registries: { 'registry.test': registry.url },
    }
    const { status, job } = await post(supernode, request)
    expect(status).toBe(202)
    const done = await ended(supernode, job.id)
    expect(Value.Check(PreheatJobSchema, done)).toBe(true)
    expect(done).toMatchObject({
      state: 'complete',
      errors: [],
      totals: { items: 3, complete: 3, failed: 0, hosts: 0 },
    })
    expect(done.items.map(({ platform }) => platform)).toEqual([
      'linux/amd64',
      'linux/amd64',
      'linux/arm64',
    ])
    expect(done.totals.haveBytes).toBe(done.totals.bytes)
    expect(registry.blobBytesSent()).toBe(done.totals.bytes)
    // What is there is not read again.
    const again = await post(supernode, { ...request, platforms: ['all'] })
    const all = await ended(supernode, again.job.id)
    expect(all).toMatchObject({ state: 'complete', totals: { items: 4 } })
    expect(registry.blobBytesSent()).toBe(all.totals.bytes)
    expect(await supernode.get('/api/v1/preheats')).toMatchObject({
      preheats: [{ id: again.job.id }, { id: job.id }],
    })
  })

  it('follows what refers to it when asked to', async () => {
    const registry = await registryOf()
    const image = await artifact('image')
    registry.content.addImage('team/app:1', image)
    registry.content.addImage('team/app:sbom', await artifact('sbom', image))
    const supernode = keep(await bootSupernode())
    const request = { images: ['r.test/team/app:1'], registries: { 'r.test': registry.url } }
    const plain = await post(supernode, request)
    expect((await ended(supernode, plain.job.id)).totals.items).toBe(2)
    const { job } = await post(supernode, { ...request, referrers: true })
    expect((await ended(supernode, job.id)).totals.items).toBe(3)
  })

  it('is one job for the same request, also when both come at once', async () => {
    const registry = await registryOf()
    registry.content.addImage('team/app:1', await artifact('image'))
    registry.faults.set({ match: 'manifests', status: 503 })
    const supernode = keep(await bootSupernode())
    const request = { images: ['r.test/team/app:1'], registries: { 'r.test': registry.url } }
    const answers = await Promise.all([1, 2, 3].map(() => post(supernode, request)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 202])
    expect(new Set(answers.map(({ job }) => job.id)).size).toBe(1)
  })

  it('waits for a registry that is down, and goes on when it is back', async () => {
    const registry = await registryOf()
    registry.content.addImage('team/app:1', await artifact('image'))
    registry.faults.set({ match: '', status: 503 })
    const supernode = keep(await bootSupernode())
    const { job } = await post(supernode, {
      images: ['r.test/team/app:1'],
      registries: { 'r.test': registry.url },
    })
    // The second try comes after a pause of about a second.
    await expect.poll(() => registry.log.entries.length, { timeout: 10_000 }).toBeGreaterThan(1)
    expect((await jobOf(supernode, job.id)).state).toBe('running')
    registry.faults.clear()
    expect(await ended(supernode, job.id)).toMatchObject({ state: 'complete', errors: [] })
  })

  it('shares what it has in common with another at the same time: the registry is read once', async () => {
    const registry = await registryOf()
    const common = await artifact('common')
    for (const tag of ['a', 'b', 'c']) registry.content.addImage(`team/app:${tag}`, common)
    registry.faults.set({ match: 'blobs', delayMs: 200 })
    const supernode = keep(await bootSupernode())
    const jobs = await Promise.all(
      ['a', 'b', 'c'].map((tag) =>
        post(supernode, {
          images: [`r.test/team/app:${tag}`],
          registries: { 'r.test': registry.url },
        }),
      ),
    )
    expect(new Set(jobs.map(({ job }) => job.id)).size).toBe(3)
    const done = await Promise.all(jobs.map(({ job }) => ended(supernode, job.id)))
    expect(done.map(({ state }) => state)).toEqual(['complete', 'complete', 'complete'])
    expect(registry.blobBytesSent()).toBe(done[0]?.totals.bytes)
  })

  it('tells what is missing, and brings the rest', async () => {
    const registry = await registryOf()
    registry.content.addImage('team/app:1', await artifact('image'))
    const supernode = keep(await bootSupernode())
    const { job } = await post(supernode, {
      images: ['r.test/team/app:1', 'r.test/team/app:none'],
      registries: { 'r.test': registry.url },
    })
    expect(await ended(supernode, job.id)).toMatchObject({
      state: 'failed',
      totals: { complete: 2, failed: 0 },
      errors: [{ of: 'r.test/team/app:none', error: { code: 'ORIGIN_NOT_FOUND' } }],
    })
  })
})

describe('a preheat that meets trouble', () => {
  it('goes on after a restart half-way, and brings the rest of a job with one bad blob', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'df-preheat-'))
    undos.push(() => rm(dataDir, { recursive: true, force: true }))
    const registry = await registryOf()
    const [good, bad] = [await artifact('good'), await artifact('bad')]
    registry.content.addImage('team/good:1', good)
    registry.content.addImage('team/bad:1', bad)
    registry.faults.set({ match: '/blobs/', hang: true })
    const first = await bootSupernode({ dataDir })
    undos.push(() => first.stop())
    const { job } = await post(first, {
      images: ['r.test/team/good:1', 'r.test/team/bad:1'],
      registries: { 'r.test': registry.url },
    })
    await expect.poll(async () => (await jobOf(first, job.id)).totals.items).toBe(3)
    await first.stop()
    registry.faults.set({ match: `/blobs/${bad.blobs.at(-1)?.digest}`, status: 403 })
    const second = await bootSupernode({ dataDir })
    undos.push(() => second.stop())
    const done = await ended(second, job.id)
    expect(done).toMatchObject({ state: 'failed', totals: { items: 3, complete: 2, failed: 1 } })
    expect(done.items.flatMap(({ error }) => (error === null ? [] : [error.code]))).toEqual([
      'ORIGIN_FORBIDDEN',
    ])
    const sentBytes = good.blobs.map(({ digest }) => registry.blobBytesSent(digest))
    expect(sentBytes.reduce((a, b) => a + b, 0)).toBe(done.totals.haveBytes)
  })
})

describe('credentials of a preheat', () => {
  const users = { alice: 'the-password-of-alice' }
  const credentials = { 'r.test': { username: 'alice', password: users.alice } }

  it.each(['basic', 'token'] as const)(
    'open a registry (%s), and are never shown or stored',
    async (scheme) => {
      const registry = await registryOf({ auth: { scheme, users } })
      registry.content.addImage('team/app:1', await artifact('image'))
      const supernode = keep(await bootSupernode())
      const request = { images: ['r.test/team/app:1'], registries: { 'r.test': registry.url } }
      const refused = await post(supernode, request)
      expect(await ended(supernode, refused.job.id)).toMatchObject({
        state: 'failed',
        errors: [{ error: { code: 'ORIGIN_UNAUTHORIZED' } }],
      })
      const { job } = await post(supernode, { ...request, credentials })
      const done = await ended(supernode, job.id)
      expect(done).toMatchObject({ state: 'complete', totals: { items: 2 } })
      await supernode.stop()
      const dir = join(supernode.dataDir, 'preheats')
      const files = await Promise.all((await readdir(dir)).map((name) => readFile(join(dir, name))))
      expect(files).toHaveLength(2)
      expect(`${files.join('')}${JSON.stringify(done)}`).not.toContain('the-password')
    },
  )

  it('that a restart lost are asked for, and given by the same request', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'df-preheat-'))
    undos.push(() => rm(dataDir, { recursive: true, force: true }))
    const registry = await registryOf({ auth: { scheme: 'token', users } })
    registry.content.addImage('team/app:1', await artifact('image'))
    const request = { images: ['r.test/team/app:1'], registries: { 'r.test': registry.url } }
    const first = await bootSupernode({ dataDir })
    undos.push(() => first.stop())
    registry.faults.set({ match: 'manifests', status: 503 })
    const { job } = await post(first, { ...request, credentials })
    await first.stop()
    registry.faults.clear()
    const second = await bootSupernode({ dataDir })
    undos.push(() => second.stop())
    await expect
      .poll(() => jobOf(second, job.id), { timeout: 10_000 })
      .toMatchObject({ state: 'running', errors: [{ of: 'credentials' }] })
    expect(await post(second, { ...request, credentials })).toMatchObject({
      status: 200,
      job: { id: job.id },
    })
    expect(await ended(second, job.id)).toMatchObject({ state: 'complete', errors: [] })
  })
})

describe("the operator's logins", () => {
  const users = { alice: 'the-password-of-alice', bob: 'the-password-of-bob' }

  async function privateRegistry() {
    const registry = await registryOf({ auth: { scheme: 'token', users } })
    registry.content.addImage('team/app:1', await artifact('image'))
    const dataDir = await mkdtemp(join(tmpdir(), 'df-preheat-'))
    undos.push(() => rm(dataDir, { recursive: true, force: true }))
    const authFile = join(dataDir, 'auth.json')
    const flags = [`--registry=r.test=${registry.url}`, `--preheat.auth-file=${authFile}`]
    const login = (name: string, password: string) =>
      writeFile(
        authFile,
        JSON.stringify({ auths: { 'r.test/team': { username: name, password } } }),
      )
    return { registry, dataDir, flags, login }
  }

  it('are read at each use, and go on with a job whose credentials a restart lost', async () => {
    const { registry, dataDir, flags, login } = await privateRegistry()
    await login('alice', 'of last year')
    const first = await bootSupernode({ dataDir, flags })
    undos.push(() => first.stop())
    const request = { images: ['r.test/team/app:1'] }
    const refused = await post(first, request)
    expect(await ended(first, refused.job.id)).toMatchObject({ state: 'failed' })
    registry.faults.set({ match: 'manifests', status: 503 })
    const credentials = { 'r.test': { username: 'bob', password: users.bob } }
    const { job } = await post(first, { ...request, credentials })
    await first.stop()
    registry.faults.clear()
    await login('alice', users.alice)
    const second = await bootSupernode({ dataDir, flags })
    undos.push(() => second.stop())
    expect(await ended(second, job.id)).toMatchObject({ state: 'complete', errors: [] })
  })

  it('do not go where a request says that the registry is', async () => {
    const { flags, login } = await privateRegistry()
    await login('alice', users.alice)
    const other = await registryOf({ auth: { scheme: 'basic', users } })
    other.content.addImage('team/app:1', await artifact('image'))
    const supernode = keep(await bootSupernode({ flags }))
    const { job } = await post(supernode, {
      images: ['r.test/team/app:1'],
      registries: { 'r.test': other.url },
    })
    expect(await ended(supernode, job.id)).toMatchObject({
      state: 'failed',
      errors: [{ error: { code: 'ORIGIN_UNAUTHORIZED' } }],
    })
  })
})

describe('a preheat of a URL', () => {
  it('to hosts ends when they say that they have it', async () => {
    const sample = blobSample(200 * KiB)
    const origin = keep(await startOrigin({ content: sample.content }))
    const supernode = keep(await bootSupernode())
    const host = keep(await TestHost.connect(supernode.url, { labels: { zone: 'a' } }))
    keep(await TestHost.connect(supernode.url, { labels: { zone: 'b' } }))
    const url = `${origin.url}/file`
    const { job } = await post(supernode, { urls: [url], hosts: { labels: { zone: 'a' } } })
    const order = await host.next('fetch')
    expect(order).toMatchObject({ identity: { kind: 'url', canonicalUrl: url }, source: { url } })
    expect((await jobOf(supernode, job.id)).items[0]?.hosts).toMatchObject([
      { host: host.id, state: 'running' },
    ])
    // A new session gets what is open again.
    await host.close()
    const back = keep(await TestHost.connect(supernode.url, { id: host.id, labels: { zone: 'a' } }))
    expect(await back.next('fetch')).toEqual(order)
    back.send({ type: 'fetched', task: order.task, order: order.order, state: 'complete' })
    expect(await ended(supernode, job.id)).toMatchObject({
      state: 'complete',
      totals: { items: 1, complete: 1, bytes: 200 * KiB, haveBytes: 200 * KiB, hosts: 1 },
    })
  })

  it('that is deleted tells its hosts to forget it', async () => {
    const origin = keep(await startOrigin({ content: Buffer.alloc(100) }))
    const supernode = keep(await bootSupernode())
    const host = keep(await TestHost.connect(supernode.url, { labels: {} }))
    const { job } = await post(supernode, { urls: [`${origin.url}/a`], hosts: {} })
    const { order, task } = await host.next('fetch')
    await fetch(`${supernode.url}/api/v1/preheats/${job.id}`, { method: 'DELETE' })
    expect(await host.next('forget-order')).toMatchObject({ order, task })
    await expect(jobOf(supernode, job.id)).rejects.toThrow('404')
  })

  it('keeps headers and signatures to itself', async () => {
    const origin = keep(await startOrigin({ content: Buffer.alloc(100) }))
    const supernode = keep(await bootSupernode())
    const { job } = await post(supernode, {
      urls: [`${origin.url}/a?sign=secret-signature`],
      filterQuery: ['sign'],
      headers: { authorization: 'Bearer secret-header' },
    })
    const done = await ended(supernode, job.id)
    expect(done.state).toBe('complete')
    expect(JSON.stringify(done)).not.toContain('secret')
    expect(origin.requests[0]).toMatchObject({
      url: '/a?sign=secret-signature',
      authorization: 'Bearer secret-header',
    })
  })

  it.each([
    [{}, 'images and URLs'],
    [{ urls: ['ftp://x.test/a'] }, 'not an http or https URL'],
    [{ urls: ['https://me:pass@x.test/a'] }, 'user name'],
    [{ images: ['UPPER//x'] }, 'not an image reference'],
    [{ urls: ['https://x.test/a'], headers: { 'a b': 'c' } }, 'header field'],
  ])('is refused when the request is wrong: %j', async (body, words) => {
    const supernode = keep(await bootSupernode())
    const { status, job } = await post(supernode, body)
    expect(status).toBe(400)
    expect(JSON.stringify(job)).toContain(words)
  })
})
