import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { guideBlocks, runOk } from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { receivedBytes, sentBlobs } from '../support/byte-counts.ts'
import {
  type ComposeCluster,
  type HostName,
  prepareComposeCluster,
} from '../support/compose-cluster.ts'
import { Lab } from '../support/lab.ts'

const hosts: HostName[] = ['host-1', 'host-2', 'host-3']
const programs = ['supernode', ...hosts]
const patience = { timeout: 60_000, interval: 100 }
const container = (service: string) => `cluster_${service}_1`

let lab: Lab
let cluster: ComposeCluster
let before: Record<string, string[]>

beforeAll(async () => {
  lab = await Lab.open()
  // So slow that one can be killed in the middle.
  const hostEnvironment = { DFDAEMON_LIMITS__DOWN: '20MB/s' }
  cluster = await prepareComposeCluster(lab, { hostEnvironment })
  before = await cluster.traces()
})

afterAll(() => lab.close())

describe('docker-compose.yml', { retry: 0 }, () => {
  it('is built from the repository and comes up with all parts healthy', async () => {
    await cluster.compose('up', '--build', '--detach')
    for (const service of ['registry', ...programs])
      await expect.poll(() => state(service), patience).toBe('healthy')
  }, 300_000)

  it.each(programs)('%s runs without root, rights and a writable root', async (service) => {
    const status = await cluster.docker('exec', container(service), 'cat', '/proc/1/status')
    expect(status).toMatch(/^Uid:\t65532\t/m)
    expect(status).toMatch(/^CapBnd:\t0+$/m)
    expect(status).toMatch(/^NoNewPrivs:\t1$/m)
    const write = cluster.docker('exec', container(service), 'touch', '/opt/dragonfly/x')
    await expect(write).rejects.toThrow('Read-only file system')
  })

  it('three hosts pull an image that the registry sends once', async () => {
    await cluster.push('demo/app:1', [30e6, 10e6])
    const pulls = await Promise.all(hosts.map((host) => cluster.pull(host, 'demo/app:1')))
    expect(pulls.map(({ code, stderr }) => [code, stderr])).toEqual(hosts.map(() => [0, '']))
    await expectSentOnce()
    for (const host of hosts) {
      const received = await cluster.received(host)
      const fromSwarm = (received.get('seed') ?? 0) + (received.get('peers') ?? 0)
      expect(fromSwarm, host).toBeGreaterThan(40e6)
      expect(received.get('origin') ?? 0, host).toBe(0)
    }
  })

  it('a host killed in the middle of a pull harms no other, and comes back', async () => {
    await cluster.push('demo/app:2', [60e6])
    const receivedBefore = await total('host-3')
    const pulls = hosts.map((host) => cluster.pull(host, 'demo/app:2'))
    await expect.poll(() => total('host-3'), patience).toBeGreaterThan(receivedBefore + 10e6)
    const pid = await cluster.docker('inspect', '--format', '{{.State.Pid}}', container('host-3'))
    await runOk(['kill', '-KILL', pid])

    const [first, second, killed] = await Promise.all(pulls)
    expect([first?.code, second?.code]).toEqual([0, 0])
    expect(killed?.code).not.toBe(0)
    await expect.poll(() => state('host-3'), patience).toBe('healthy')
    expect(await cluster.pull('host-3', 'demo/app:2')).toMatchObject({ code: 0 })
    await expectSentOnce()
  })

  it('does what docs/guide/compose.md says', async () => {
    // Instead of `docker pull busybox`.
    await cluster.shell('tar --create --directory /bin busybox | docker import - busybox')
    const said = await cluster.shell(await guideLines())
    expect(said).toContain('Downloaded newer image for 127.0.0.1:65001/demo/busybox:latest')
    const ofImage = said.split('\n').filter((line) => line.includes('/demo/busybox/blobs/'))
    expect([...sentBlobs(ofImage.join('\n')).keys()]).toHaveLength(2)
    expect(receivedBytes(said).size).toBeGreaterThan(0)
    for (const host of hosts) expect((await cluster.received(host)).get('origin') ?? 0).toBe(0)
  })

  it('goes down and leaves nothing', async () => {
    await cluster.compose('down', '--volumes')
    expect(await cluster.traces()).toEqual(before)
  })
})

/** What the guide has between `up` and `down`, for the Compose that is here. */
async function guideLines(): Promise<string> {
  const path = join(import.meta.dirname, '../../docs/guide/compose.md')
  const lines = guideBlocks(await readFile(path, 'utf8'))
    .join('')
    .split('\n')
  return lines
    .filter((line) => !/^docker (compose (up|down)|pull busybox)/.test(line))
    .join('\n')
    .replaceAll('docker compose', 'docker-compose')
    .replaceAll('/tmp/', `${lab.directory}/`)
}

async function expectSentOnce() {
  const sent = await cluster.sentByRegistry()
  expect(sent.size).toBeGreaterThan(0)
  for (const [digest, bytes] of sent) expect(bytes, digest).toBe(await cluster.blobBytes(digest))
}

async function state(service: string): Promise<string> {
  return await cluster.docker('inspect', '--format', '{{.State.Health.Status}}', container(service))
}

async function total(host: HostName): Promise<number> {
  return [...(await cluster.received(host)).values()].reduce((sum, bytes) => sum + bytes, 0)
}
