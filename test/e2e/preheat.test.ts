import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HostInfo, PreheatJob } from '@df/proto'
import {
  Daemon,
  type DockerRegistry,
  type FaultServer,
  type Image,
  type Layer,
  makeImage,
  makeIndex,
  makeLayer,
  programCommand,
  pushImage,
  type RunResult,
  run,
  runOk,
  startDockerRegistry,
  startFaultyProxy,
} from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentBytesSent } from '../support/content-bytes.ts'
import { oneErrorLine } from '../support/dfget.ts'
import { containersClients, type Pulled } from '../support/engines.ts'
import { type DfdaemonSettings, Lab, type TestProgram } from '../support/lab.ts'

const MB = 1_000_000
const architectures = ['amd64', 'arm64', 's390x']
const login = { user: 'alice', password: 'the-secret-of-alice' }
const basic = Buffer.from(`${login.user}:${login.password}`).toString('base64')
/** Each connection to the registry: a preheat takes seconds, so that it can be interrupted. */
const registryBps = MB
/**
 * Of reads that end with their SuperNode: four contents, of each what four connections had of a piece (64 KiB), and what
 * came in the 20 ms that the records of pieces gather. Some 400 kB were measured.
 */
const lostBytesAtMost = 1.5 * MB

interface Registry {
  daemon: DockerRegistry
  /** In front of it: paces it, and counts what it sends. */
  front: FaultServer
}

let lab: Lab
let open: Registry
/** Wants the password of Alice. */
let locked: Registry
let supernode: TestProgram
let supernodePort: string
let hosts: TestProgram[]
let home: string

beforeAll(async () => {
  lab = await Lab.open()
  open = await startRegistry('open')
  locked = await startRegistry('locked', { [login.user]: login.password })
  supernode = await lab.supernode({ name: 'supernode' })
  supernodePort = new URL(supernode.url).host
  hosts = await Promise.all(
    ['a', 'a', 'a', 'b'].map((zone, index) => lab.dfdaemon(settingsOf(`host-${index}`, zone))),
  )
  home = await lab.folder('home')
  await mkdir(join(home, '.docker'))
  await writeFile(
    join(home, '.docker/config.json'),
    JSON.stringify({ auths: loginsFor('locked.lan') }),
  )
})

afterAll(() => lab.close())

describe('an index of three platforms, to four hosts', () => {
  let image: Image

  it('ends complete although the SuperNode is killed half-way and started again: the registry is read at most 1.02 times', async ({
    task,
  }) => {
    // What a killed SuperNode loses does not grow with the image.
    const sizes = { sharedBytes: 20 * MB, ownBytes: 13 * MB }
    const seed = `one-${task.result?.retryCount ?? 0}`
    image = await push(open, 'team/app:1', await threePlatforms(seed, sizes))
    open.front.faults.set({ match: 'GET .*/blobs/', bps: registryBps })
    const command = startDfget(['r.lan/team/app:1', '--share', '100%', '--json'])
    const half = sizeOf(image) / 2
    await command.until(() => sentBytes(image) > half || undefined)
    await killSupernode()
    expect(await command.exited).toEqual({ code: 0, signal: null })
    expect(command.stdout).toContain('"event":"done"')
    const job = await jobNamed(/"preheat":"([0-9a-f]{16})"/.exec(command.stdout)?.[1])
    expect(job.state).toBe('complete')
    expect(job.items.map(({ digest }) => `${digest}`).sort()).toEqual(digestsOf(image))
    expect(job.items.map((item) => item.hosts.length)).toEqual(job.items.map(() => 4))
    const ratio = sentBytes(image) / sizeOf(image)
    console.log(
      `read at the registry: ${ratio.toFixed(4)} × the ${sizeOf(image)} bytes of the blobs`,
    )
    expect(ratio).toBeGreaterThanOrEqual(1)
    expect(ratio).toBeLessThanOrEqual(1.02)
  })

  it('is on every host: with no SuperNode, and a registry without blobs, all of it can be pulled', async () => {
    const before = sentBytes(image)
    open.front.faults.set({ match: 'GET .*/blobs/', status: 503 })
    await supernode.daemon.stop()
    const pulled: Pulled[] = []
    for (const host of hosts) pulled.push(await pull(host, 'r.lan/team/app:1'))
    open.front.faults.clear()
    supernode = await lab.supernode({ name: 'supernode', listen: supernodePort })
    expect(pulled.map(({ ok, error, digest }) => [ok, error, digest])).toEqual(
      hosts.map(() => [true, '', image.digest]),
    )
    expect(sentBytes(image)).toBe(before)
  })
})

describe('who gets what', () => {
  it('one platform goes to the hosts with a label, and what they share with others is read no more', async () => {
    const image = await push(open, 'team/app:2', await threePlatforms('two'))
    await everyHostIsBack()
    const before = await Promise.all(hosts.map(storedTasks))
    const { code, stderr } = await dfget(
      'r.lan/team/app:2 --platform linux/arm64 --label zone=a'.split(' '),
    )
    expect([code, stderr]).toEqual([0, expect.stringMatching(/at the SuperNode and 3 hosts/)])
    const arm64 = image.children[architectures.indexOf('arm64')]
    for (const { digest, source } of image.children.flatMap(({ blobs }) => blobs)) {
      const isWanted = arm64?.blobs.some((blob) => blob.digest === digest) === true
      expect(contentBytesSent(open.front, digest)).toBe(isWanted ? source.sizeBytes : 0)
    }
    const now = await Promise.all(hosts.map(storedTasks))
    expect(now.map((count, index) => count - (before[index] ?? 0))).toEqual(
      [1, 1, 1, 0].map((has) => has * (arm64?.blobs.length ?? 0)),
    )
  })

  it('without a word on hosts it goes to the SuperNode alone, which then feeds them', async () => {
    const image = await push(open, 'team/app:3', await threePlatforms('three'))
    expect(await dfget(['r.lan/team/app:3', '--no-progress'])).toMatchObject({ code: 0 })
    expect(sentBytes(image)).toBe(sizeOf(image))
    const [first] = hosts
    expect(await pull(first as TestProgram, 'r.lan/team/app:3')).toMatchObject({ ok: true })
    expect(sentBytes(image)).toBe(sizeOf(image))
  })
})

describe('a host', () => {
  it('that is killed half-way and started again has all of it in the end', async () => {
    const image = await push(open, 'team/app:5', await threePlatforms('five'))
    open.front.faults.set({ match: 'GET .*/blobs/', bps: 2 * registryBps })
    const victim = await lab.dfdaemon(settingsOf('victim', 'moving'))
    const command = startDfget(['r.lan/team/app:5', '--label', 'zone=moving', '--no-progress'])
    await command.until(() => sentBytes(image) > sizeOf(image) / 2 || undefined)
    await victim.daemon.kill()
    const again = await lab.dfdaemon(settingsOf('victim', 'moving'))
    expect(await command.exited).toEqual({ code: 0, signal: null })
    expect(sentBytes(image)).toBe(sizeOf(image))
    await again.daemon.stop()
    expect(await storedDigests(again)).toEqual(digestsOf(image))
    open.front.faults.clear()
  })

  it('without enough space is told of by name, and the others are served', async () => {
    await push(open, 'team/app:6', await threePlatforms('six'))
    const full = await lab.dfdaemon({
      ...settingsOf('full', 'c'),
      args: ['--label', 'zone=c', '--cache.quota', '1MB'],
    })
    const roomy = await lab.dfdaemon(settingsOf('roomy', 'c'))
    const { code, stderr } = await dfget(['r.lan/team/app:6', '--label', 'zone=c', '--no-progress'])
    expect(code).toBe(7)
    expect(stderr).toMatch(/^preheat \S+\n(dfget: r\.lan\/team\/app:6: host [0-9a-f]{32}: .+\n)+$/)
    expect(await storedTasks(roomy)).toBe(7)
    await full.daemon.stop()
    await roomy.daemon.stop()
  })
})

describe('a private registry', () => {
  it('is read with the logins of docker, and with them again when the SuperNode was killed', async () => {
    const image = await push(locked, 'team/app:1', await threePlatforms('private'))
    locked.front.faults.set({ match: 'GET .*/blobs/', bps: registryBps })
    await everyHostIsBack()
    const command = startDfget(['locked.lan/team/app:1', '--share', '50%', '--no-progress'])
    await command.until(() => sentBytes(image, locked) > sizeOf(image) / 2 || undefined)
    await killSupernode()
    expect(await command.exited).toEqual({ code: 0, signal: null })
    expect(command.stderr).toMatch(/the SuperNode answers again\n.* and 2 hosts, in \S+\n$/)
    expect(sentBytes(image, locked) - sizeOf(image)).toBeLessThan(lostBytesAtMost)
    locked.front.faults.clear()
  })

  it('is read by URL with the headers it wants', async () => {
    const image = await push(locked, 'team/app:2', await onePlatform('file'))
    const digest = image.blobs.at(-1)?.digest
    const header = ['--header', `Authorization: Basic ${basic}`, '--host', await anyHost()]
    const url = `${locked.front.url}/v2/team/app/blobs/${digest}`
    const { code, stderr } = await dfget([url, '--digest', `${digest}`, ...header])
    expect([code, stderr]).toEqual([0, expect.stringContaining('1 content')])
    expect(contentBytesSent(locked.front, `${digest}`)).toBe(image.blobs.at(-1)?.source.sizeBytes)
  })
})

describe('what goes wrong is one line, and an exit code', () => {
  it.each([
    ['an image that is not there', ['r.lan/team/gone:1'], 3],
    ['a label that no host has', ['r.lan/team/app:1', '--label', 'zone=moon'], 2],
    ['a registry that does not know the password', ['locked.lan:5000/team/app:1'], 4],
    ['a registry at an address that is guarded', ['guarded.lan/team/app:1'], 9],
    ['a SuperNode that is not there', ['r.lan/a', '--supernode', 'http://127.0.0.1:1'], 5],
  ])('%s', async (_, args, code) => {
    const result = await dfget([...args, '--no-progress'])
    expect(result).toMatchObject({ code, stdout: '' })
    expect(result.stderr.replace(/^preheat [0-9a-f]{16}\n/, '')).toMatch(oneErrorLine)
  })
})

it('credentials are in no file and no log of SuperNode and hosts', async () => {
  const secrets = [login.password, loginsFor('locked.lan')['locked.lan']?.auth ?? '']
  const programs = [supernode, ...hosts]
  const paths = programs.flatMap(({ dataDir, logPath }) => [dataDir, logPath])
  for (const secret of secrets) {
    const found = await run(['grep', '--recursive', '--files-with-matches', secret, ...paths])
    expect(found.stdout).toBe('')
  }
  expect((await readdir(supernode.dataDir)).length).toBeGreaterThan(0)
})

/** An index whose platforms have one layer in common and one of their own. */
async function threePlatforms(
  seed: string,
  { sharedBytes = 6 * MB, ownBytes = 4 * MB } = {},
): Promise<Image> {
  const directory = await lab.folder('layers')
  const shared = await makeLayer(directory, { randomBytes: sharedBytes, seed: `${seed}-shared` })
  const entries = []
  for (const architecture of architectures) {
    const own = await makeLayer(directory, {
      randomBytes: ownBytes,
      seed: `${seed}-${architecture}`,
    })
    entries.push({ architecture, image: makeImage({ layers: [shared, own], architecture }) })
  }
  return makeIndex(entries)
}

async function onePlatform(seed: string): Promise<Image> {
  const layers: Layer[] = [await makeLayer(await lab.folder('layers'), { randomBytes: MB, seed })]
  return makeImage({ layers })
}

async function startRegistry(name: string, users?: Record<string, string>): Promise<Registry> {
  const directory = await lab.folder(name)
  const daemon = lab.keep(await startDockerRegistry({ directory, ...(users && { users }) }))
  return { daemon, front: lab.keep(await startFaultyProxy({ upstream: daemon.url })) }
}

function settingsOf(name: string, zone: string): DfdaemonSettings {
  const upstreams = {
    upstreamUrl: open.front.url,
    registries: { 'locked.lan': locked.front.url },
  }
  return { name, supernodeUrl: supernode.url, ...upstreams, args: ['--label', `zone=${zone}`] }
}

/** As a power cut does, and starts it again. */
async function killSupernode(): Promise<void> {
  await supernode.daemon.kill()
  supernode = await lab.supernode({ name: 'supernode', listen: supernodePort })
}

async function push({ daemon }: Registry, reference: string, image: Image): Promise<Image> {
  await pushImage(daemon.url, reference, image, { login })
  return image
}

function blobsOf(image: Image): Map<string, number> {
  const all = [image, ...image.children].flatMap(({ blobs }) => blobs)
  return new Map(all.map(({ digest, source }) => [digest, source.sizeBytes]))
}

function digestsOf(image: Image): string[] {
  return [...blobsOf(image).keys()].sort()
}

function sizeOf(image: Image): number {
  return [...blobsOf(image).values()].reduce((sum, size) => sum + size, 0)
}

/** By the registry, of all blobs of the image. */
function sentBytes(image: Image, { front } = open): number {
  return digestsOf(image).reduce((sum, digest) => sum + contentBytesSent(front, digest), 0)
}

function loginsFor(host: string): Record<string, { auth: string }> {
  return { [host]: { auth: basic } }
}

function dfgetCommand(args: readonly string[]): string[] {
  const registries = [
    `r.lan=${open.front.url}`,
    `locked.lan=${locked.front.url}`,
    `locked.lan:5000=${locked.front.url}`,
    'guarded.lan=http://169.254.1.1:5000',
  ]
  const usual = ['--supernode', supernode.url, '--registry', registries.join()]
  return [...programCommand('dfget'), 'preheat', ...usual, ...args]
}

const dfgetEnv = () => ({ HOME: home, XDG_RUNTIME_DIR: home, REGISTRY_AUTH_FILE: '' })

function dfget(args: readonly string[]): Promise<RunResult> {
  return run(dfgetCommand(args), { env: dfgetEnv() })
}

function startDfget(args: readonly string[]): Daemon {
  const command = new Daemon({ command: dfgetCommand(args), env: dfgetEnv() })
  lab.defer(() => command.stop())
  return command
}

async function jobNamed(id: string | undefined): Promise<PreheatJob> {
  const { stdout } = await run(
    [
      ...programCommand('dfget'),
      'preheat',
      'show',
      `${id}`,
      '--supernode',
      supernode.url,
      '--json',
    ],
    { env: dfgetEnv() },
  )
  return JSON.parse(stdout) as PreheatJob
}

async function pull(host: TestProgram, reference: string): Promise<Pulled> {
  const { skopeo } = await containersClients(lab, {
    mirrorUrl: host.url,
    mirrors: { 'r.lan': host.url },
  })
  return await skopeo.pull(reference)
}

async function storedTasks(host: TestProgram): Promise<number> {
  const answer = await fetch(`${host.url}/api/v1/tasks`)
  const { tasks } = (await answer.json()) as { tasks: { state: string }[] }
  return tasks.filter(({ state }) => state === 'complete').length
}

/** What a host that was stopped has all bytes of. */
async function storedDigests({ dataDir }: TestProgram): Promise<string[]> {
  const command = [...programCommand('dfget'), 'cache', 'ls', '--json', '--data-dir', dataDir]
  const contents = (await runOk(command))
    .split('\n')
    .map((line) => JSON.parse(line) as Record<'url' | 'storedBytes' | 'contentLength', string>)
  return contents
    .filter(({ storedBytes, contentLength }) => storedBytes === contentLength)
    .map(({ url }) => url.slice(url.lastIndexOf('/') + 1))
    .sort()
}

async function connected(): Promise<HostInfo[]> {
  const answer = await fetch(`${supernode.url}/api/v1/hosts`)
  return ((await answer.json()) as { hosts: HostInfo[] }).hosts
}

async function everyHostIsBack(): Promise<void> {
  await supernode.daemon.until(async () => (await connected()).length === hosts.length || undefined)
}

async function anyHost(): Promise<string> {
  return (await connected())[0]?.id ?? ''
}
