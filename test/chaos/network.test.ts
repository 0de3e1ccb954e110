import { setTimeout as sleep } from 'node:timers/promises'
import { type NetworkHost, TestNetwork } from '@df/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { curl, type Download } from '../support/curl.ts'
import { Lab } from '../support/lab.ts'
import { type NetworkRegistry, startNetworkRegistry } from '../support/network-registry.ts'

const blobBytes = 40e6
/** What a host needs for the blob when it has all of its cable. */
const cableSeconds = (blobBytes * 8) / 100e6

let lab: Lab
let registry: NetworkRegistry
let supernodeHost: NetworkHost
let hosts: NetworkHost[]

beforeAll(async () => {
  lab = await Lab.open()
  const network = await TestNetwork.create({ hosts: 6, egressBps: 100e6, ingressBps: 100e6 })
  lab.defer(() => network.remove())
  const [registryHost, second, ...rest] = network.hosts
  if (registryHost === undefined || second === undefined) throw new Error('no hosts')
  supernodeHost = second
  hosts = rest
  registry = lab.keep(
    await startNetworkRegistry(registryHost, {
      blobs: Object.fromEntries(
        ['healed', 'cut', 'supernode'].map((name) => [`library/${name}:1`, blobBytes]),
      ),
    }),
  )
  const supernode = await lab.supernode({
    listen: `${supernodeHost.address}:8002`,
    allowOrigin: '10.231.0.0/16',
    within: supernodeHost.within,
  })
  for (const host of hosts)
    await lab.dfdaemon({
      supernodeUrl: supernode.url,
      upstreamUrl: registry.url,
      address: host.address,
      listen: '127.0.0.1:65001',
      within: host.within,
    })
})

afterAll(() => lab.close())

it('a cable cut for 4 s in the middle: all hosts get it right, the others hardly later', async () => {
  const [victim, ...others] = hosts
  const fetching = startFetching('healed')
  await sleep(1500)
  await victim?.cut()
  await sleep(4000)
  await victim?.heal()
  const [hit, ...spared] = await Promise.all(fetching)
  expect(hit).toMatchObject({ exitCode: 0, digest: registry.blob('library/healed:1') })
  expectRight(spared, 'healed', others.length)
})

it('a cable cut for good: its host’s clients are told within 10 s, all others get it right', async () => {
  const [victim, ...others] = hosts
  const fetching = startFetching('cut')
  await sleep(1500)
  await victim?.cut()
  const [hit, ...spared] = await Promise.all(fetching)
  expect(hit?.exitCode).not.toBe(0)
  expect(hit?.seconds).toBeLessThan(1.5 + 10 + 1)
  expectRight(spared, 'cut', others.length)
  await victim?.heal()
  // Until its kernel has found the others again.
  while ((await victim?.run(['curl', '--silent', `${registry.url}/v2/`]))?.code !== 0)
    await sleep(100)
})

it('the SuperNode’s cable cut for good: the hosts finish without it', async () => {
  const fetching = startFetching('supernode')
  await sleep(1500)
  await supernodeHost.cut()
  const fetched = await Promise.all(fetching)
  for (const outcome of fetched)
    expect(outcome).toMatchObject({ exitCode: 0, digest: registry.blob('library/supernode:1') })
  await supernodeHost.heal()
})

function startFetching(name: string): Promise<Download & { digest: string }>[] {
  const url = `http://127.0.0.1:65001/v2/library/${name}/blobs/${registry.blob(`library/${name}:1`)}`
  return hosts.map(({ within }) => curl(url, { directory: lab.directory, within }))
}

/** Right, and at most the detection of a lost parent and its rescue later than the swarm needs. */
function expectRight(fetched: readonly Download[], name: string, count: number): void {
  expect(fetched).toHaveLength(count)
  for (const outcome of fetched) {
    expect(outcome).toMatchObject({ exitCode: 0, digest: registry.blob(`library/${name}:1`) })
    expect(outcome.seconds).toBeLessThan(2 * cableSeconds + 4)
  }
}
