import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { Lab } from '../test/support/lab.ts'
import { countOf } from './support/arguments.ts'
import { floorSeconds } from './support/floor.ts'
import { startBlobRegistry } from './support/registry.ts'
import { spread } from './support/statistics.ts'
import { createSwarmNetwork } from './support/swarm-network.ts'
import { runSwarm, type SwarmRun, type Way } from './support/swarm-run.ts'
import { table } from './support/table.ts'

/**
 * Hosts in network namespaces fetch one blob at once: through their dfdaemons, by dfget, and straight from the registry.
 * Root. `npm run bench:swarm -- [--runs 3] [--hosts 8] [--megabytes 250] [--way dfdaemon]… [--json FILE]`
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    hosts: { type: 'string', default: '8' },
    megabytes: { type: 'string', default: '250' },
    way: { type: 'string', multiple: true, default: ['dfdaemon', 'dfget', 'direct'] },
    json: { type: 'string' },
  },
})
const runs = countOf('runs', values.runs)
const hosts = countOf('hosts', values.hosts)
const blobBytes = countOf('megabytes', values.megabytes) * 1e6
const allWays: readonly Way[] = ['dfdaemon', 'dfget', 'direct']
const ways = allWays.filter((way) => values.way.includes(way))

const lab = await Lab.open()
try {
  const network = await createSwarmNetwork(lab, { hosts, hostBps: 100e6, serverBps: 200e6 })
  const { seedUpBps, hostBps } = network
  const floor = floorSeconds({
    hosts,
    contentBytes: blobBytes,
    seedUpBps,
    hostUpBps: hostBps,
    hostDownBps: hostBps,
  })
  const megabits = (bps: number) => `${((bps * 8) / 1e6).toFixed(0)} Mbit/s`
  console.log(`${hosts} hosts at ${megabits(hostBps)}, SuperNode and registry at ${megabits(seedUpBps)} (goodput, measured)
${values.megabytes} MB, floor ${floor.toFixed(1)} s, ${runs} runs: median [least-greatest]\n`)

  const registry = lab.keep(
    await startBlobRegistry({
      count: runs * ways.length,
      blobBytes,
      directory: await lab.folder('registry'),
      host: network.registryHost.address,
      within: network.registryHost.within,
    }),
  )
  const blobs = registry.blobs.values()
  const done: SwarmRun[] = []
  for (let round = 0; round < runs; round++)
    for (const way of ways) {
      const blob = blobs.next().value
      if (blob === undefined) throw new Error('a blob for each run was made')
      done.push(await runSwarm({ way, network, registry, blob, blobBytes }))
      console.error(JSON.stringify(done.at(-1)))
    }

  console.log(
    table(
      [
        'way',
        'slowest host, s',
        '÷ floor',
        'fastest, s',
        'registry ÷ blob',
        'SuperNode sent ÷ blob',
        'CPU of daemons, s',
        'greatest daemon, MiB',
      ],
      ways.map((way) =>
        row(
          way,
          done.filter((one) => one.way === way),
          floor,
        ),
      ),
    ),
  )
  if (values.json)
    await writeFile(
      values.json,
      JSON.stringify(
        { hosts, blobBytes, seedUpBps, hostBps, floorSeconds: floor, runs: done },
        undefined,
        2,
      ),
    )
} finally {
  await lab.close()
}

function row(way: Way, mine: readonly SwarmRun[], floor: number): string[] {
  const of = (value: (run: SwarmRun) => number, digits: number) => spread(mine.map(value), digits)
  const slowest = (run: SwarmRun) => Math.max(...run.hostSeconds)
  const common = [
    way,
    of(slowest, 1),
    of((run) => slowest(run) / floor, 2),
    of((run) => Math.min(...run.hostSeconds), 1),
    of((run) => run.registryCopies, 3),
  ]
  if (way === 'direct') return [...common, '–', '–', '–']
  return [
    ...common,
    of((run) => run.supernodeCopies, 2),
    of((run) => run.cpuSeconds, 1),
    of((run) => run.peakMemoryBytes / 2 ** 20, 0),
  ]
}
