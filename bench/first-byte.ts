import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { NetworkHost } from '@df/testkit'
import { Lab } from '../test/support/lab.ts'
import { countOf } from './support/arguments.ts'
import { startBlobRegistry } from './support/registry.ts'
import { median, spread } from './support/statistics.ts'
import { createSwarmNetwork } from './support/swarm-network.ts'
import { table } from './support/table.ts'

/**
 * Time to the first byte of a blob on one host: straight from the registry, and through dfdaemon when nobody has the blob
 * (cold) and when the host has it (warm). Root. `npm run bench:first-byte -- [--runs 15] [--megabytes 16] [--json FILE]`
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '15' },
    megabytes: { type: 'string', default: '16' },
    json: { type: 'string' },
  },
})
const runs = countOf('runs', values.runs)
const blobBytes = countOf('megabytes', values.megabytes) * 1e6

const lab = await Lab.open({ logLevel: 'info' })
try {
  const { registryHost, supernodeHost, hosts } = await createSwarmNetwork(lab, {
    hosts: 1,
    hostBps: 100e6,
    serverBps: 200e6,
  })
  const [host = registryHost] = hosts
  const registry = lab.keep(
    await startBlobRegistry({
      count: runs + 1,
      blobBytes,
      directory: await lab.folder('registry'),
      host: registryHost.address,
      within: registryHost.within,
    }),
  )
  const supernode = await lab.supernode({
    listen: `${supernodeHost.address}:8002`,
    allowOrigin: '10.231.0.0/16',
    within: supernodeHost.within,
  })
  const dfdaemon = await lab.dfdaemon({
    supernodeUrl: supernode.url,
    upstreamUrl: registry.url,
    address: host.address,
    within: host.within,
  })

  // The first blob warms up what is compiled and connected; the registry has each file read once before.
  const urls = registry.blobs.map(({ url }) => url)
  const mirrored = urls.map((url) => dfdaemon.url + new URL(url).pathname)
  await measure(host, [...urls, ...mirrored.slice(0, 1)])
  const measured = {
    direct: await measure(host, urls.slice(1)),
    cold: await measure(host, mirrored.slice(1)),
    warm: await measure(host, mirrored.slice(1)),
  }

  const directMs = median(measured.direct.map(({ firstByteMs }) => firstByteMs))
  console.log(
    `${values.megabytes} MB blob, host at 100 Mbit/s, registry and SuperNode at 200 Mbit/s; ${runs} runs: median [least-greatest]\n`,
  )
  console.log(
    table(
      ['way', 'first byte, ms', 'above direct, ms', 'last byte, ms'],
      Object.entries(measured).map(([way, results]) => [
        way === 'direct' ? 'direct' : `dfdaemon, ${way}`,
        spread(
          results.map(({ firstByteMs }) => firstByteMs),
          1,
        ),
        (median(results.map(({ firstByteMs }) => firstByteMs)) - directMs).toFixed(1),
        spread(
          results.map(({ wholeMs }) => wholeMs),
          0,
        ),
      ]),
    ),
  )
  if (values.json)
    await writeFile(values.json, JSON.stringify({ blobBytes, ...measured }, undefined, 2))
} finally {
  await lab.close()
}

interface Result {
  firstByteMs: number
  wholeMs: number
}

async function measure(on: NetworkHost, urls: readonly string[]): Promise<Result[]> {
  const client = join(import.meta.dirname, 'support/first-byte-client.ts')
  const { code, stdout, stderr } = await on.run([process.execPath, client, ...urls], {
    timeoutMs: 600_000,
  })
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Result[]
}
