import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type NetworkHost } from '@df/testkit'
import { digestOfFile, download } from '../test/support/curl.ts'
import { Lab, type TestProgram } from '../test/support/lab.ts'
import { countOf } from './support/arguments.ts'
import { startBlobRegistry } from './support/registry.ts'
import { createSwarmNetwork } from './support/swarm-network.ts'
import { table } from './support/table.ts'

/**
 * Hosts of which some have half the rate, and nobody is told: two contents one after another through the same
 * dfdaemons. Rates are low, so that the machine's cores do not decide. Root.
 * `npm run bench:slow-hosts -- [--hosts 16] [--slow 2] [--mbit 25] [--megabytes 60]`
 */
const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '16' },
    slow: { type: 'string', default: '2' },
    mbit: { type: 'string', default: '25' },
    megabytes: { type: 'string', default: '60' },
  },
})
const hosts = countOf('hosts', values.hosts)
const slow = values.slow === '0' ? 0 : countOf('slow', values.slow)
const bps = countOf('mbit', values.mbit) * 1e6
const blobBytes = countOf('megabytes', values.megabytes) * 1e6
const timeoutMs = 600_000

interface Puller {
  host: NetworkHost
  dfdaemon: TestProgram
}

const lab = await Lab.open()
try {
  const network = await createSwarmNetwork(lab, { hosts, hostBps: bps, serverBps: 2 * bps })
  const slowHosts = new Set(network.hosts.slice(hosts - slow))
  for (const host of slowHosts) await host.limit({ egressBps: bps / 2, ingressBps: bps / 2 })
  const registry = lab.keep(
    await startBlobRegistry({
      count: 2,
      blobBytes,
      directory: await lab.folder('registry'),
      host: network.registryHost.address,
      within: network.registryHost.within,
    }),
  )
  const supernode = await lab.supernode({
    listen: `${network.supernodeHost.address}:8002`,
    allowOrigin: '10.231.0.0/16',
    within: network.supernodeHost.within,
  })
  const pullers: Puller[] = await Promise.all(
    network.hosts.map(async (host) => ({
      host,
      dfdaemon: await lab.dfdaemon({
        supernodeUrl: supernode.url,
        upstreamUrl: registry.url,
        address: host.address,
        within: host.within,
      }),
    })),
  )
  const floorSeconds = blobBytes / network.hostBps
  console.log(
    `${hosts} hosts, ${slow} of them at half rate; ${values.megabytes} MB at ${((network.hostBps * 8) / 1e6).toFixed(1)} Mbit/s goodput: floor ${floorSeconds.toFixed(1)} s\n`,
  )
  const rows: string[][] = []
  for (const [round, blob] of [...registry.blobs.values()].entries()) {
    const seconds = await Promise.all(pullers.map((puller) => pull(puller, blob)))
    const of = (isSlow: boolean) =>
      seconds.filter((_, at) => slowHosts.has(network.hosts[at] ?? network.registryHost) === isSlow)
    const ratio = (all: readonly number[], share: number) =>
      (Math.max(...all) * share) / floorSeconds
    rows.push([
      `${round + 1}`,
      ratio(of(false), 1).toFixed(2),
      slow === 0 ? '–' : ratio(of(true), 0.5).toFixed(2),
      (registry.bytesSent(blob.digest) / blobBytes).toFixed(3),
    ])
  }
  console.log(
    table(
      ['content', 'slowest full-rate host ÷ floor', 'slow host ÷ its own floor', 'registry ÷ blob'],
      rows,
    ),
  )
} finally {
  await lab.close()
}

async function pull(
  { host, dfdaemon }: Puller,
  blob: { url: string; digest: string },
): Promise<number> {
  const path = join(lab.directory, `${host.name}.blob`)
  const { seconds } = await download(dfdaemon.url + new URL(blob.url).pathname, path, {
    within: host.within,
    timeoutMs,
  })
  if ((await digestOfFile(path)) !== blob.digest) throw new Error(`${host.name}: wrong content`)
  return seconds
}
