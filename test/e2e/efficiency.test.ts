import { type HostTask, type PeerInfo, type SwarmInfo, type TaskEfficiency } from '@df/proto'
import { startFileOrigin } from '@df/testkit'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { DfgetBox, putFile } from '../support/dfget.ts'
import { Lab, type TestProgram } from '../support/lab.ts'
import { metricsOf } from '../support/metrics.ts'

const bytes = 12e6
const seedBps = 8e6
const hostBps = 4e6
/** F/dmin: more than F/us and 3·F/(us+Σui). */
const floorMs = (bytes * 1000) / hostBps

let lab: Lab
let supernode: TestProgram
let dfdaemons: TestProgram[]
let done: TaskEfficiency[]
let swarm: SwarmInfo
let peers: PeerInfo[]
let task: string

beforeAll(async () => {
  lab = await Lab.open()
  const origin = lab.keep(await startFileOrigin())
  supernode = await lab.supernode({
    args: ['--upload-limit', `${seedBps}B/s`, '--report-every', '100ms'],
  })
  const limits = ['--limits.down', `${hostBps}B/s`, '--limits.up', `${hostBps}B/s`]
  dfdaemons = await Promise.all(
    [1, 2, 3].map(() =>
      lab.dfdaemon({
        supernodeUrl: supernode.url,
        upstreamUrl: 'http://127.0.0.1:9',
        args: [...limits, '--allow-origin', '127.0.0.0/8'],
      }),
    ),
  )
  const { url } = await putFile(origin, 'shared', bytes)
  done = await Promise.all(
    dfdaemons.map(async (dfdaemon, index) => {
      const box = await DfgetBox.create(await lab.folder(`box-${index}`))
      const { stdout } = await box.run([url, '--json', '--daemon', dfdaemon.url])
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}').efficiency
    }),
  )
  const { tasks } = await json<{ tasks: { id: string }[] }>(supernode, '/api/v1/tasks')
  task = tasks[0]?.id ?? ''
  await vi.waitUntil(async () => {
    swarm = await json<SwarmInfo>(supernode, `/api/v1/tasks/${task}/swarm`)
    return swarm.finished === 3
  }, 5000)
  peers = (await json<{ peers: PeerInfo[] }>(supernode, `/api/v1/tasks/${task}/peers`)).peers
})

afterAll(() => lab.close())

async function json<T>({ url }: { url: string }, path: string): Promise<T> {
  return (await (await fetch(url + path)).json()) as T
}

it('dfget tells of how its download went, and the dfdaemon the same', async () => {
  for (const [index, efficiency] of done.entries()) {
    const found = await json<HostTask>(dfdaemons[index] ?? { url: '' }, `/api/v1/tasks/${task}`)
    expect(found.efficiency).toEqual(efficiency)
    const { receivedFrom, receivedFromOthers, durationMs, floorRatio } = efficiency
    expect(receivedFrom.reduce((sum, sender) => sum + sender.bytes, receivedFromOthers)).toBe(bytes)
    expect(efficiency).toMatchObject({ floorMs, floorBy: 'limit' })
    expect(floorRatio).toBeCloseTo(durationMs / floorMs, 2)
    expect(floorRatio).toBeGreaterThan(0.9)
  }
})

it('the edges of a swarm are all that its hosts received, and lead to its hosts', () => {
  expect(swarm).toMatchObject({ contentLength: bytes, hosts: 3, fetching: 3, otherBytes: 0 })
  const hosts = peers.map(({ host }) => host)
  for (const { host, received } of peers) {
    const edges = swarm.edges.filter(({ to }) => to === host)
    expect(edges.reduce((sum, edge) => sum + edge.bytes, 0)).toBe(received.peers + received.seed)
    const ofPeers = edges.filter(({ from }) => hosts.includes(from))
    expect(ofPeers.reduce((sum, edge) => sum + edge.bytes, 0)).toBe(received.peers)
  }
  expect(new Set(swarm.edges.map(({ to }) => to))).toEqual(new Set(hosts))
  const senders = new Set(swarm.edges.map(({ from }) => from))
  expect(senders.isSubsetOf(new Set([...hosts, swarm.seed]))).toBe(true)
})

it('the floor is of the rates that are set, and the times are measured by it', () => {
  const finishes = peers
    .map(({ finishedAfterMs }) => finishedAfterMs ?? 0)
    .toSorted((a, b) => a - b)
  expect(peers).toMatchObject([1, 2, 3].map(() => ({ upBps: hostBps, downBps: hostBps })))
  expect(swarm).toMatchObject({
    floorMs,
    floorLacks: null,
    medianMs: finishes[1],
    slowestMs: finishes[2],
    originRatio: 1,
  })
  expect(swarm.slowestFloorRatio).toBeCloseTo((finishes[2] ?? 0) / floorMs, 2)
})

it('the metrics agree with it', async () => {
  await vi.waitFor(async () => {
    const told = await metricsOf(supernode.url)
    expect(told.get('supernode_host_floor_ratio_count')).toBe(3)
    const ratios = peers.map(({ finishedAfterMs }) => (finishedAfterMs ?? 0) / floorMs)
    const sum = ratios.reduce((a, b) => a + b)
    expect(told.get('supernode_host_floor_ratio_sum')).toBeCloseTo(sum, 2)
    expect(told.get('supernode_swarm_seed_ratio_count')).toBe(1)
    expect(told.get('supernode_swarm_seed_ratio_sum')).toBeCloseTo(swarm.seedRatio ?? 0, 3)
    expect(told.get('supernode_scheduler_event_seconds_count{event="join"}')).toBe(3)
  }, 5000)
  let received = 0
  let ratios = 0
  for (const dfdaemon of dfdaemons) {
    const told = await metricsOf(dfdaemon.url)
    for (const source of ['peers', 'seed', 'origin'])
      received += told.get(`dfdaemon_received_bytes_total{source="${source}"}`) ?? 0
    ratios += told.get('dfdaemon_task_floor_ratio_sum{by="limit"}') ?? 0
    expect(told.get('dfdaemon_tasks_completed_total{floor="known"}')).toBe(1)
  }
  expect(received).toBe(3 * bytes)
  const told = done.map(({ floorRatio }) => floorRatio ?? 0)
  expect(ratios).toBeCloseTo(
    told.reduce((a, b) => a + b),
    2,
  )
})
