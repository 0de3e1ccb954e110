import {
  type FaultServer,
  type Image,
  makeImage,
  makeLayer,
  startFaultyProxy,
  startRegistry,
  type TestRegistry,
} from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDockerHub } from '../support/docker-hub.ts'
import {
  containerdClient,
  containersClients,
  dockerClient,
  type EngineClient,
} from '../support/engines.ts'
import { type ClientName, registryFaults } from '../support/fault-table.ts'
import { Lab } from '../support/lab.ts'
import { type SilenceMeter, startSilenceMeter } from '../support/silence-meter.ts'

/** Nobody who pulls hears nothing for longer. */
const maxSilenceMs = 10_000
/** Silence, the pauses of the client's own retries, and the pull from docker.io afterwards. */
const maxPullMs = 35_000

let lab: Lab
let registry: TestRegistry
let faulty: FaultServer
let meter: SilenceMeter
let clients: Map<ClientName, EngineClient>

beforeAll(async () => {
  lab = await Lab.open()
  registry = lab.keep(await startRegistry())
  faulty = lab.keep(await startFaultyProxy({ upstream: registry.url }))
  const hub = await startDockerHub(lab, registry.url)
  const supernode = await lab.supernode()
  const dfdaemon = await lab.dfdaemon({
    supernodeUrl: supernode.url,
    upstreamUrl: faulty.url,
    registries: { 'docker.io': faulty.url },
  })
  meter = await startSilenceMeter(dfdaemon.url)
  lab.defer(() => meter.close())
  const options = { mirrorUrl: meter.url, within: hub.within }
  const { podman, skopeo } = await containersClients(lab, options)
  clients = new Map<ClientName, EngineClient>([
    ['docker', await dockerClient(lab, options)],
    ['containerd', await containerdClient(lab, 'hosts', options)],
    ['podman', podman],
    ['skopeo', skopeo],
  ])
})

afterAll(() => lab.close())

describe('a registry behind the mirror', () => {
  it.each(registryFaults)('$name: nobody is worse off than with it alone', async (fault) => {
    // What a client keeps of a failed pull must not help the next one: an image for each pull.
    const pulls = await Promise.all(
      [...clients].map(async ([name, client]) => {
        const repository = `library/${name}-${registryFaults.indexOf(fault)}`
        const image = await smallImage(repository)
        const layer = image.blobs.at(-1)?.digest ?? ''
        return { name, client, repository, image, rules: fault.rules({ repository, layer }) }
      }),
    )
    faulty.faults.set(...pulls.flatMap(({ rules }) => rules))

    const outcomes = await Promise.all(
      pulls.map(async ({ name, client, repository, image }) => {
        const pulled = await client.pull(`docker.io/${repository}:1`, { timeoutMs: 60_000 })
        const requests = meter.requests(repository)
        const silenceMs = Math.max(0, ...requests.map((request) => request.silenceMs))
        return { name, image, pulled, silenceMs, requests }
      }),
    )
    faulty.faults.clear()

    const worse = outcomes.filter(
      ({ name, image, pulled, silenceMs }) =>
        !(pulled.ok ? pulled.digest === image.digest : fault.mayFail.includes(name)) ||
        silenceMs > maxSilenceMs ||
        pulled.tookMs > maxPullMs,
    )
    expect(worse, JSON.stringify(worse, undefined, 1)).toEqual([])
  })
})

async function smallImage(repository: string): Promise<Image> {
  const layers = await lab.folder('layers')
  const layer = await makeLayer(layers, { randomBytes: 1_500_000, seed: repository })
  const image = makeImage({ layers: [layer] })
  registry.content.addImage(`${repository}:1`, image)
  return image
}
