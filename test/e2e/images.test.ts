import { type Image, sampleImages, startRegistry, type TestRegistry } from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentBytesSent } from '../support/content-bytes.ts'
import { startDockerHub } from '../support/docker-hub.ts'
import {
  containerdClient,
  containersClients,
  dockerClient,
  type EngineClient,
} from '../support/engines.ts'
import { Lab, type TestProgram } from '../support/lab.ts'
import { peakMemoryBytes } from '../support/process-stat.ts'

const maxMemoryBytes = 250 * 2 ** 20

let lab: Lab
let registry: TestRegistry
let supernode: TestProgram
let dfdaemon: TestProgram
let clients: Record<'docker' | 'containerd' | 'skopeo', EngineClient>

beforeAll(async () => {
  lab = await Lab.open()
  registry = lab.keep(await startRegistry())
  const hub = await startDockerHub(lab, registry.url)
  supernode = await lab.supernode()
  dfdaemon = await lab.dfdaemon({
    supernodeUrl: supernode.url,
    upstreamUrl: registry.url,
    registries: { 'docker.io': registry.url },
  })
  const options = { mirrorUrl: dfdaemon.url, within: hub.within }
  clients = {
    docker: await dockerClient(lab, options),
    containerd: await containerdClient(lab, 'hosts', options),
    skopeo: (await containersClients(lab, options)).skopeo,
  }
})

afterAll(() => lab.close())

type Case = [what: string, image: keyof typeof sampleImages, pullers: (keyof typeof clients)[]]

describe('an image that is hard in one way', () => {
  const cases: Case[] = [
    ['schema 2 types', 'schema2', ['docker', 'containerd', 'skopeo']],
    ['zstd layers', 'zstd', ['containerd', 'skopeo']],
    ['layers that are not compressed', 'uncompressed', ['docker', 'containerd', 'skopeo']],
    ['an empty layer', 'emptyLayer', ['docker', 'containerd', 'skopeo']],
    ['60 layers', 'manyLayers', ['docker', 'containerd', 'skopeo']],
    ['an index with attestations', 'attested', ['docker', 'containerd', 'skopeo']],
    ['an artifact', 'artifact', ['skopeo']],
    ['50,000 small files', 'smallFiles', ['containerd', 'skopeo']],
    ['a layer of 1 GiB', 'bigLayer', ['containerd', 'skopeo']],
  ]

  it.each(cases)('%s: pulls, read once from the registry', async (_what, name, pullers) => {
    const image = await sampleImages[name](await lab.folder('layers'))
    registry.content.addImage(`library/${name.toLowerCase()}:1`, image)

    for (const puller of pullers) {
      const pulled = await clients[puller].pull(`docker.io/library/${name.toLowerCase()}:1`)
      expect(pulled, puller).toMatchObject({ ok: true, digest: image.digest, error: '' })
    }
    for (const [digest, size] of blobsOf(image))
      expect(contentBytesSent(registry, digest), digest).toBe(size)
  })

  it('and neither dfdaemon nor the SuperNode ever took 250 MiB of memory', async () => {
    for (const { daemon } of [dfdaemon, supernode])
      expect(await peakMemoryBytes(daemon.pid)).toBeLessThan(maxMemoryBytes)
  })
})

function blobsOf(image: Image): Map<string, number> {
  const children = image.children.flatMap((child) => [...blobsOf(child)])
  return new Map([
    ...image.blobs.map(({ digest, source }) => [digest, source.sizeBytes] as const),
    ...children,
  ])
}
