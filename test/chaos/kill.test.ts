import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Containerd,
  type FaultServer,
  freePort,
  type Image,
  makeImage,
  makeLayer,
  startFaultyProxy,
  startRegistry,
  type TestRegistry,
} from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { curl } from '../support/curl.ts'
import { startDockerHub } from '../support/docker-hub.ts'
import { containerdClient, dockerClient, type EngineClient } from '../support/engines.ts'
import { type DfdaemonSettings, Lab, type TestProgram } from '../support/lab.ts'

const layerBytes = 16e6
const registryBps = 4e6

let lab: Lab
let registry: TestRegistry
let slow: FaultServer
let supernode: TestProgram
let supernodePort: number
let docker: EngineClient
let containerd: EngineClient & { containerd: Containerd }
let dfdaemon: TestProgram
let settings: DfdaemonSettings

beforeAll(async () => {
  lab = await Lab.open()
  registry = lab.keep(await startRegistry())
  slow = lab.keep(
    await startFaultyProxy({
      upstream: registry.url,
      faults: [{ match: 'GET .*/blobs/', bps: registryBps }],
    }),
  )
  const hub = await startDockerHub(lab, registry.url)
  supernodePort = await freePort()
  supernode = await startSupernode()
  settings = {
    name: 'dfdaemon',
    supernodeUrl: supernode.url,
    upstreamUrl: slow.url,
    registries: { 'docker.io': slow.url },
    listen: `127.0.0.1:${await freePort()}`,
  }
  dfdaemon = await lab.dfdaemon(settings)
  const options = { mirrorUrl: dfdaemon.url, within: hub.within }
  docker = await dockerClient(lab, options)
  containerd = await containerdClient(lab, 'hosts', options)
})

afterAll(() => lab.close())

describe('kill -9 in the middle of a pull', () => {
  it('of the SuperNode: the engines’ pulls succeed, without a pause above 10 s', async () => {
    const pulls = await startPulls('supernode')
    await supernode.daemon.kill()
    for (const { image, pulled } of pulls) {
      const outcome = await pulled
      expect(outcome).toMatchObject({ ok: true, digest: image.digest })
      expect(outcome.tookMs).toBeLessThan(fullPullMs + 10_000)
    }
    supernode = await startSupernode()
  })

  it('of dfdaemon, which is started again: the engines resume there', async () => {
    const pulls = await startPulls('dfdaemon')
    await dfdaemon.daemon.kill()
    dfdaemon = await lab.dfdaemon(settings)
    for (const { image, pulled } of pulls)
      expect(await pulled).toMatchObject({ ok: true, digest: image.digest })
  })

  it('of dfdaemon, for good: containerd goes on at the registry itself', async () => {
    const image = await slowImage('library/gone')
    const pulled = containerd.pull('docker.io/library/gone:1')
    await underWay(image)
    await dfdaemon.daemon.kill()
    expect(await pulled).toMatchObject({ ok: true, digest: image.digest })
    dfdaemon = await lab.dfdaemon(settings)
  })

  it('of a host that serves others: they get everything right, and soon', async () => {
    const image = await slowImage('library/peer')
    const digest = image.blobs.at(-1)?.digest ?? ''
    const others = await Promise.all(
      ['second', 'third', 'fourth'].map((name) =>
        lab.dfdaemon({ ...settings, name, listen: '127.0.0.1:0' }),
      ),
    )
    const [victim, ...survivors] = others
    const fetching = others.map(({ url }) =>
      curl(`${url}/v2/library/peer/blobs/${digest}`, { directory: lab.directory }),
    )
    await underWay(image)
    await victim?.daemon.kill()
    const [lost, ...fetched] = await Promise.all(fetching)
    expect(lost?.exitCode).not.toBe(0)
    for (const outcome of fetched) {
      expect(outcome).toMatchObject({ exitCode: 0, status: 200, digest })
      expect(outcome.seconds).toBeLessThan(fullPullMs / 1000 + 4)
    }
    expect(fetched).toHaveLength(survivors.length)
  })
})

/** Time that the registry alone needs for the layer. */
const fullPullMs = (layerBytes / registryBps) * 1000

/** Lets docker and containerd each pull an image of its own, until both are half-way. */
async function startPulls(name: string) {
  const pulls = await Promise.all(
    [docker, containerd].map(async (client, index) => {
      const repository = `library/${name}-${index}`
      return { client, repository, image: await slowImage(repository) }
    }),
  )
  const running = pulls.map(({ client, repository, image }) => ({
    image,
    pulled: client.pull(`docker.io/${repository}:1`),
  }))
  for (const { image } of pulls) await underWay(image)
  return running
}

/** Resolves when the registry has sent a part of the layer. */
async function underWay(image: Image): Promise<void> {
  const { digest } = image.blobs.at(-1) ?? {}
  while (slow.log.sentBytes(new RegExp(`/blobs/${digest}`)) < layerBytes / 4) await sleep(50)
}

async function slowImage(repository: string): Promise<Image> {
  const layer = await makeLayer(await lab.folder('layers'), {
    randomBytes: layerBytes,
    seed: repository,
  })
  const image = makeImage({ layers: [layer] })
  registry.content.addImage(`${repository}:1`, image)
  return image
}

function startSupernode(): Promise<TestProgram> {
  return lab.supernode({ name: 'supernode', listen: `127.0.0.1:${supernodePort}` })
}
