import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type NetworkHost, programCommand, run } from '@df/testkit'
import { digestOfFile, download } from '../../test/support/curl.ts'
import { Lab, type TestProgram } from '../../test/support/lab.ts'
import { cpuSeconds, peakMemoryBytes } from '../../test/support/process-stat.ts'
import type { BlobRegistry } from './registry.ts'
import type { SwarmNetwork } from './swarm-network.ts'

/** `direct`: each host straight from the registry. */
export type Way = 'dfdaemon' | 'dfget' | 'direct'

/** All hosts fetched one blob at once. Bytes per blob byte, seconds per host. */
export interface SwarmRun {
  way: Way
  hostSeconds: number[]
  registryCopies: number
  /** Wire bytes of the SuperNode's cable, headers and control included. */
  supernodeCopies: number
  /** CPU time of all dfdaemons and the SuperNode together, and the most memory one of them took, in bytes. */
  cpuSeconds: number
  peakMemoryBytes: number
}

export interface SwarmRunOptions {
  way: Way
  network: SwarmNetwork
  registry: BlobRegistry
  blob: { url: string; digest: string }
  blobBytes: number
}

/**
 * Everything starts anew, so that nobody has anything.
 * @throws Error when a host did not get the right content
 */
export async function runSwarm(options: SwarmRunOptions): Promise<SwarmRun> {
  const { way, network, registry, blob, blobBytes } = options
  const lab = await Lab.open({ logLevel: 'info' })
  try {
    const supernode = way === 'direct' ? undefined : await startSupernode(lab, network)
    const fetchers = await Promise.all(
      network.hosts.map((host) => prepare(lab, host, { ...options, supernode })),
    )
    const pids = [supernode, ...fetchers.map(({ dfdaemon }) => dfdaemon)].flatMap((program) =>
      program === undefined ? [] : [program.daemon.pid],
    )
    const before = await network.supernodeHost.bytes()
    const cpuBefore = await cpuOf(pids)
    const hostSeconds = await Promise.all(fetchers.map(({ fetch }) => fetch()))
    const after = await network.supernodeHost.bytes()
    const cpuSeconds = (await cpuOf(pids)) - cpuBefore
    const memory = await Promise.all(pids.map(peakMemoryBytes))
    for (const { path } of fetchers) {
      const digest = await digestOfFile(path)
      if (digest !== blob.digest) throw new Error(`${way}: ${digest} instead of ${blob.digest}`)
      await rm(path)
    }
    return {
      way,
      hostSeconds,
      registryCopies: registry.bytesSent(blob.digest) / blobBytes,
      supernodeCopies: (after.sent - before.sent) / blobBytes,
      cpuSeconds,
      peakMemoryBytes: Math.max(0, ...memory),
    }
  } finally {
    await lab.stop()
  }
}

async function cpuOf(pids: readonly number[]): Promise<number> {
  const seconds = await Promise.all(pids.map(cpuSeconds))
  return seconds.reduce((sum, one) => sum + one, 0)
}

interface Fetcher {
  path: string
  dfdaemon?: TestProgram
  /** Gives the seconds it took. */
  fetch(): Promise<number>
}

const timeoutMs = 600_000

async function prepare(
  lab: Lab,
  host: NetworkHost,
  { way, blob, registry, supernode }: SwarmRunOptions & { supernode: TestProgram | undefined },
): Promise<Fetcher> {
  const path = join(lab.directory, `${host.name}.blob`)
  const { within } = host
  const curl = (url: string) => async () =>
    (await download(url, path, { within, timeoutMs })).seconds
  if (supernode === undefined) return { path, fetch: curl(blob.url) }

  if (way === 'dfdaemon') {
    const dfdaemon = await lab.dfdaemon({
      supernodeUrl: supernode.url,
      upstreamUrl: registry.url,
      address: host.address,
      within,
    })
    return { path, dfdaemon, fetch: curl(dfdaemon.url + new URL(blob.url).pathname) }
  }
  const dfget = [
    ...[...programCommand('dfget'), blob.url, '-O', path, '--digest', blob.digest, '--no-progress'],
    ...['--daemon', 'none', '--supernode', supernode.url, '--allow-origin', '10.231.0.0/16'],
  ]
  return {
    path,
    async fetch() {
      const { code, durationMs, stderr } = await run(dfget, { within, timeoutMs })
      if (code !== 0) throw new Error(`dfget ended with ${code}: ${stderr}`)
      return durationMs / 1000
    },
  }
}

function startSupernode(lab: Lab, { supernodeHost }: SwarmNetwork): Promise<TestProgram> {
  return lab.supernode({
    listen: `${supernodeHost.address}:8002`,
    allowOrigin: '10.231.0.0/16',
    within: supernodeHost.within,
  })
}
