import { type Image, sampleImages, startRegistry, type TestRegistry } from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentBytesSent } from '../support/content-bytes.ts'
import { type DockerHub, startDockerHub } from '../support/docker-hub.ts'
import {
  containerdClient,
  containersClients,
  ctrClient,
  dockerClient,
  type EngineClient,
} from '../support/engines.ts'
import { Lab } from '../support/lab.ts'

const runnerNames = ['docker', 'containerd (mirrors)', 'containerd (hosts)', 'ctr', 'podman']
const reference = 'docker.io/library/multi:1'

let lab: Lab
let registry: TestRegistry
let hub: DockerHub
let clients: Map<string, EngineClient>

beforeAll(async () => {
  lab = await Lab.open()
  registry = lab.keep(await startRegistry())
  hub = await startDockerHub(lab, registry.url)
  const layers = await lab.folder('layers')
  registry.content.addImage('library/pause:1', await sampleImages.pause(layers))
  const supernode = await lab.supernode()
  const dfdaemon = await lab.dfdaemon({
    supernodeUrl: supernode.url,
    upstreamUrl: registry.url,
    registries: { 'docker.io': registry.url },
  })
  const options = { mirrorUrl: dfdaemon.url, within: hub.within }
  const hosts = await containerdClient(lab, 'hosts', options)
  const { podman, skopeo } = await containersClients(lab, options)
  const all = [
    await dockerClient(lab, options),
    await containerdClient(lab, 'mirrors', options),
    hosts,
    ctrClient(hosts.containerd),
    podman,
    skopeo,
  ]
  clients = new Map(all.map((client) => [client.name, client]))
})

afterAll(() => lab.close())

describe('an image of several layers, through dfdaemon and the SuperNode', () => {
  let image: Image

  beforeAll(async () => {
    image = await sampleImages.multiLayer(await lab.folder('layers'))
    registry.content.addImage('library/multi:1', image)
  })

  it.each([...runnerNames, 'skopeo'])('%s pulls it', async (name) => {
    const pulled = await clients.get(name)?.pull(reference)
    expect(pulled).toMatchObject({ ok: true, digest: image.digest })
  })

  it.each(runnerNames)('%s runs a container of it', async (name) => {
    const command = ['/bin/sh', '-c', 'echo it runs']
    expect(await clients.get(name)?.run?.(reference, command)).toBe('it runs')
  })

  it('the registry sent each blob once, and nobody went past the mirror', () => {
    for (const { digest, source } of image.blobs)
      expect(contentBytesSent(registry, digest), digest).toBe(source.sizeBytes)
    expect(hub.server.log.entries).toEqual([])
  })
})
