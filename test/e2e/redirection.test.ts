import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  bytesSource,
  type DockerRegistry,
  digestOf,
  type FileOrigin,
  fileSource,
  freePort,
  guideBlockWith,
  type Image,
  makeImage,
  makeLayer,
  pushImage,
  runOk,
  type SignOptions,
  sampleImages,
  signUrl,
  startDockerRegistry,
  startFileOrigin,
  startNginx,
  startRegistry,
  type TestRegistry,
} from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { containerdClient, containersClients, dockerClient } from '../support/engines.ts'
import { Lab, type TestProgram } from '../support/lab.ts'

let lab: Lab
/** What all registries here keep their content in, and a web server that shows it. */
let storageDirectory: string
let storage: FileOrigin
let supernode: TestProgram
let image: Image

beforeAll(async () => {
  lab = await Lab.open()
  storageDirectory = await lab.folder('storage')
  storage = lab.keep(await startFileOrigin())
  supernode = await lab.supernode({ args: ['--redirect.origin', storage.url] })
  image = await sampleImages.multiLayer(await lab.folder('layers'))
  await push('library/app:1', image)
})

afterAll(() => lab.close())

interface Host {
  dfdaemon: TestProgram
  /** A registry whose blobs are redirected to it. */
  registry: DockerRegistry
}

/** A host whose dfdaemon listens at `port`, and the registry as that host sees it: it redirects to the host itself. */
async function startHost(name: string, port?: number): Promise<Host> {
  const dfdaemon = await lab.dfdaemon({
    name,
    supernodeUrl: supernode.url,
    upstreamUrl: storage.url,
    listen: `127.0.0.1:${port ?? 0}`,
    args: ['--redirect.origin', storage.url],
  })
  return { dfdaemon, registry: await startRedirecting(name, dfdaemon.url) }
}

async function startRedirecting(name: string, redirectTo: string): Promise<DockerRegistry> {
  const directory = await lab.folder(`registry-of-${name}`)
  return lab.keep(await startDockerRegistry({ directory, storageDirectory, redirectTo }))
}

async function push(reference: string, what: Image): Promise<void> {
  const directory = await lab.folder('push')
  const registry = await startDockerRegistry({ directory, storageDirectory })
  await pushImage(registry.url, reference, what)
  await registry.stop()
  for (const { digest } of what.blobs) {
    const path = storagePath(digest)
    storage.files.set(path, await fileSource(join(storageDirectory, path)))
  }
}

function storagePath(digest: string): string {
  const hex = digest.slice('sha256:'.length)
  return `/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`
}

function hostOf(url: string): string {
  return new URL(url).host
}

/** Bytes of a metric of a dfdaemon, all its labels together. */
async function bytesOf({ url }: TestProgram, metric: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(`dfdaemon_${metric}`))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

function imageBytes({ blobs }: Image): number {
  return blobs.reduce((sum, { source }) => sum + source.sizeBytes, 0)
}

describe('a docker-registry whose redirect middleware names the dfdaemon of the host', () => {
  let first: Host
  let second: Host

  beforeAll(async () => {
    first = await startHost('first')
    second = await startHost('second')
  })

  it('docker pulls, and has all blobs from dfdaemon, which has read each once from the storage', async () => {
    const docker = await dockerClient(lab, { mirrorUrl: first.registry.url })
    const reference = `${hostOf(first.registry.url)}/library/app:1`
    expect(await docker.pull(reference)).toMatchObject({ ok: true, digest: image.digest })
    expect(await bytesOf(first.dfdaemon, 'blob_bytes_total')).toBe(imageBytes(image))
    for (const { digest, source } of image.blobs) {
      expect(storage.log.sentBytes(new RegExp(`GET ${storagePath(digest)}`))).toBe(source.sizeBytes)
    }
  })

  it('containerd on another host has them from the swarm', async () => {
    const before = storage.log.sentBytes()
    const containerd = await containerdClient(lab, 'hosts', { mirrorUrl: second.registry.url })
    const pulled = await containerd.pull('docker.io/library/app:1')
    expect(pulled).toMatchObject({ ok: true, digest: image.digest })
    expect(await bytesOf(second.dfdaemon, 'received_bytes_total')).toBe(imageBytes(image))
    expect(await bytesOf(second.dfdaemon, 'registry_bytes_total')).toBe(0)
    expect(storage.log.sentBytes()).toBe(before)
  })

  it('skopeo and podman follow too', async () => {
    const { skopeo, podman } = await containersClients(lab, { mirrorUrl: second.registry.url })
    for (const client of [skopeo, podman]) {
      const pulled = await client.pull('docker.io/library/app:1')
      expect(pulled, client.name).toMatchObject({ ok: true, digest: image.digest })
    }
  })

  it('a blob that is wrong in the storage is never completed, and once mended it can be had', async () => {
    const wrong = await someImage('wrong')
    await push('library/wrong:1', wrong)
    const layer = lastBlob(wrong)
    const path = storagePath(layer.digest)
    storage.faults.set({ match: path, corruptAt: 1_000_000 })
    const { skopeo } = await containersClients(lab, { mirrorUrl: first.registry.url })
    expect(await skopeo.pull('docker.io/library/wrong:1')).toMatchObject({ ok: false })
    storage.faults.clear()
    const pulled = await skopeo.pull('docker.io/library/wrong:1')
    expect(pulled).toMatchObject({ ok: true, digest: wrong.digest })
    const answer = await fetch(second.dfdaemon.url + path)
    expect(await digestOf(bytesSource(await answer.bytes()))).toBe(layer.digest)
  })

  it('docker goes on when dfdaemon is killed in the middle and started again', async () => {
    const interrupted = await someImage('interrupted')
    await push('library/interrupted:1', interrupted)
    const port = await freePort('127.0.0.1')
    const host = await startHost('killed', port)
    const layer = storagePath(lastBlob(interrupted).digest)
    storage.faults.set({ match: `GET ${layer}`, bps: 2_000_000 })
    const docker = await dockerClient(lab, { mirrorUrl: host.registry.url })
    const pulling = docker.pull(`${hostOf(host.registry.url)}/library/interrupted:1`)
    await host.dfdaemon.daemon.until(
      () => storage.log.sentBytes(new RegExp(layer)) > 1_500_000 || undefined,
    )
    await host.dfdaemon.daemon.kill()
    storage.faults.clear()
    await sleep(500)
    await lab.dfdaemon({
      name: 'killed-again',
      supernodeUrl: supernode.url,
      upstreamUrl: storage.url,
      listen: `127.0.0.1:${port}`,
      dataDir: host.dfdaemon.dataDir,
      args: ['--redirect.origin', storage.url],
    })
    expect(await pulling).toMatchObject({ ok: true, digest: interrupted.digest })
  })
})

describe('a docker-registry whose redirect middleware names the SuperNode', () => {
  let registry: DockerRegistry
  let fresh: Image

  beforeAll(async () => {
    fresh = await someImage('central')
    await push('library/central:1', fresh)
    registry = await startRedirecting('supernode', supernode.url)
  })

  it('a host without dfdaemon pulls, and the storage is read once', async () => {
    const { skopeo } = await containersClients(lab, { mirrorUrl: registry.url })
    for (let copies = 0; copies < 2; copies++) {
      const pulled = await skopeo.pull('docker.io/library/central:1')
      expect(pulled).toMatchObject({ ok: true, digest: fresh.digest })
    }
    for (const { digest, source } of fresh.blobs) {
      expect(storage.log.sentBytes(new RegExp(storagePath(digest)))).toBe(source.sizeBytes)
    }
  })

  it('a host whose dfdaemon mirrors that registry pulls through it all the same', async () => {
    const other = await someImage('both')
    await push('library/both:1', other)
    const dfdaemon = await lab.dfdaemon({
      supernodeUrl: supernode.url,
      upstreamUrl: registry.url,
      args: ['--allow-origin', '127.0.0.0/8'],
    })
    const { skopeo } = await containersClients(lab, { mirrorUrl: dfdaemon.url })
    const pulled = await skopeo.pull('docker.io/library/both:1')
    expect(pulled).toMatchObject({ ok: true, digest: other.digest })
    expect(pulled.tookMs).toBeLessThan(5000)
    expect(await bytesOf(dfdaemon, 'registry_bytes_total')).toBe(0)
  })
})

describe('a registry that redirects to signed addresses of its storage, by way of dfdaemon', () => {
  const key = 'the-key-of-the-bucket'
  let bucket: FileOrigin
  let dfdaemon: TestProgram
  let registry: TestRegistry

  const signed = (digest: string, options: Partial<SignOptions> = {}) => {
    const url = signUrl(bucket.url + storagePath(digest), { key, ...options })
    return `${dfdaemon.url}/origin/${url.replace('://', '/')}`
  }

  beforeAll(async () => {
    bucket = lab.keep(await startFileOrigin({ signingKey: key }))
    dfdaemon = await lab.dfdaemon({
      name: 'signed',
      supernodeUrl: supernode.url,
      upstreamUrl: storage.url,
      args: ['--redirect.allow', hostOf(bucket.url), '--allow-origin', '127.0.0.0/8'],
    })
    registry = lab.keep(await startRegistry())
  })

  it('skopeo pulls from it, and the bucket is read once', async () => {
    const fresh = await someImage('signed')
    registry.content.addImage('library/signed:1', fresh)
    for (const { digest, source } of fresh.blobs) bucket.files.set(storagePath(digest), source)
    registry.faults.set(
      ...fresh.blobs.map(({ digest }) => ({
        match: `blobs/${digest}`,
        status: 307,
        headers: { location: signed(digest) },
      })),
    )
    const { skopeo } = await containersClients(lab, { mirrorUrl: registry.url })
    const pulled = await skopeo.pull('docker.io/library/signed:1')
    expect(pulled).toMatchObject({ ok: true, digest: fresh.digest })
    for (const { digest, source } of fresh.blobs) {
      // One byte is what the question for the right costs.
      const sent = bucket.log.sentBytes(new RegExp(storagePath(digest)))
      expect(sent - source.sizeBytes, digest).toBe(1)
    }
  })

  it('a right that is wrong or over gets the bucket’s refusal, though the blob is here', async () => {
    const { digest, source } = lastBlob(image)
    bucket.files.set(storagePath(digest), source)
    const right = await fetch(signed(digest))
    expect((await right.arrayBuffer()).byteLength).toBe(source.sizeBytes)
    const briefly = signed(digest, { expiresInS: 2 })
    expect(await answerOf(briefly)).toMatchObject({ status: 200 })
    const wrong = await answerOf(signed(digest, { key: 'another' }))
    expect(wrong).toEqual({ status: 403, text: expect.stringContaining('SignatureDoesNotMatch') })
    await sleep(2100)
    const over = await answerOf(briefly)
    expect(over).toEqual({ status: 403, text: expect.stringContaining('Request has expired') })
  })

  it('a file that no digest names comes from the swarm while the bucket has the same, else anew', async () => {
    const url = `${bucket.url}/quay/layer.tar`
    const get = async () => {
      const right = signUrl(url, { key, expiresInS: 300 + bucket.log.entries.length })
      const answer = await fetch(`${dfdaemon.url}/origin/${right.replace('://', '/')}`)
      return await digestOf(bytesSource(await answer.bytes()))
    }
    const [before, after] = [bytesSource('a'.repeat(500_000)), bytesSource('b'.repeat(400_000))]
    bucket.files.set('/quay/layer.tar', before)
    expect([await get(), await get()]).toEqual([await digestOf(before), await digestOf(before)])
    // One byte is what each question costs.
    expect(bucket.log.sentBytes(/layer.tar/)).toBe(before.sizeBytes + 2)
    bucket.files.set('/quay/layer.tar', after)
    expect(await get()).toBe(await digestOf(after))
  })

  it('nothing of a signature is in a log or a file of our programs, or in the name of a task', async () => {
    const seen = bucket.log.entries.flatMap(
      ({ url }) => new URLSearchParams(url.split('?')[1]).get('X-Amz-Signature') ?? [],
    )
    expect(seen.length).toBeGreaterThan(4)
    const files = await filesOf([dfdaemon, supernode])
    expect(files.length).toBeGreaterThan(6)
    for (const file of files) {
      const bytes = await readFile(file)
      for (const secret of seen) expect(bytes.includes(secret), `${secret} in ${file}`).toBe(false)
    }
    const { tasks } = (await (await fetch(`${dfdaemon.url}/api/v1/tasks`)).json()) as {
      tasks: unknown[]
    }
    expect(tasks).toHaveLength(4)
    expect(JSON.stringify(tasks)).not.toContain('X-Amz')
  })

  it('an origin that is not listed is not asked', async () => {
    const elsewhere = `${dfdaemon.url}/origin/${storage.url.replace('://', '/')}/secret`
    const { status, text } = await answerOf(elsewhere)
    expect(status).toBe(403)
    expect(text).toContain(`add --redirect.allow ${hostOf(storage.url)}`)
  })
})

function lastBlob({ blobs }: Image): Image['blobs'][number] {
  const last = blobs.at(-1)
  if (last === undefined) throw new Error('an image without blobs')
  return last
}

async function answerOf(url: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(url, { redirect: 'manual' })
  return { status: answer.status, text: await answer.text() }
}

async function filesOf(programs: readonly TestProgram[]): Promise<string[]> {
  const files = await Promise.all(
    programs.map(async ({ dataDir, logPath }) => {
      const entries = await readdir(dataDir, { recursive: true, withFileTypes: true })
      const inside = entries.filter((entry) => entry.isFile())
      return [logPath, ...inside.map((entry) => join(entry.parentPath, entry.name))]
    }),
  )
  return files.flat()
}

describe('the configuration of the guide', () => {
  let guide: string
  let dfdaemon: TestProgram
  let storageHost: string
  let frontUrl: string

  beforeAll(async () => {
    const path = join(import.meta.dirname, '../../docs/guide/registry-redirection.md')
    guide = await readFile(path, 'utf8')
    storageHost = `127.0.0.1:${await freePort('127.0.0.1')}`
    frontUrl = `http://127.0.0.1:${await freePort('127.0.0.1')}`
    dfdaemon = await lab.dfdaemon({
      name: 'guide',
      supernodeUrl: supernode.url,
      upstreamUrl: storage.url,
      args: ['--redirect.origin', `http://${storageHost}`],
    })
  })

  it('has nginx show the blobs and nothing else, and lead an engine from any registry’s redirect to dfdaemon', async () => {
    const fresh = await someImage('guide')
    await push('library/guide:1', fresh)
    const registry = await startRedirecting('guide', `http://${storageHost}`)
    const show = guideBlockWith(guide, 'limit_except', {
      '10.0.0.9:8081': storageHost,
      '/var/lib/registry': storageDirectory,
    })
    const lead = guideBlockWith(guide, 'proxy_redirect', {
      'http://registry:5000': registry.url,
      'http://127.0.0.1:65001/origin/https/my-bucket.s3.eu-west-1.amazonaws.com': `${dfdaemon.url}/origin/http/${storageHost}`,
      'https://my-bucket.s3.eu-west-1.amazonaws.com': `http://${storageHost}`,
    })
    const front = `server { listen ${hostOf(frontUrl)};\n${lead} }`
    const directory = await lab.folder('nginx')
    lab.keep(await startNginx({ directory, http: `${show}\n${front}`, url: frontUrl }))

    const docker = await dockerClient(lab, { mirrorUrl: frontUrl })
    const pulled = await docker.pull(`${hostOf(frontUrl)}/library/guide:1`)
    expect(pulled).toMatchObject({ ok: true, digest: fresh.digest })
    expect(await bytesOf(dfdaemon, 'blob_bytes_total')).toBe(imageBytes(fresh))
    const tryIt = guideBlockWith(guide, 'LOCATION', {
      'http://REGISTRY/v2/NAME/blobs/sha256:…': `${frontUrl}/v2/library/guide/blobs/${lastBlob(fresh).digest}`,
    })
    const [ofRegistry = '', ofDfdaemon = ''] = tryIt.trim().split('\n')
    const redirect = await runOk(['sh', '-c', ofRegistry])
    expect(redirect).toMatch(/^HTTP\/1.1 307 /)
    const LOCATION = /^location: (\S+)/im.exec(redirect)?.[1] ?? ''
    expect(LOCATION.startsWith(dfdaemon.url)).toBe(true)
    expect(await runOk(['sh', '-c', ofDfdaemon], { env: { LOCATION } })).toMatch(/^HTTP\/1.1 200 /)
    const other = `http://${storageHost}/docker/registry/v2/repositories/library/app/_layers`
    expect((await answerOf(other)).status).toBe(404)
    const blob = `http://${storageHost}${storagePath(lastBlob(fresh).digest)}`
    expect((await fetch(blob, { method: 'DELETE' })).status).toBe(403)
  })
})

async function someImage(seed: string): Promise<Image> {
  const directory = await lab.folder(`layers-${seed}`)
  const layer = await makeLayer(directory, { seed, randomBytes: 6_000_000 })
  return makeImage({ layers: [layer] })
}
