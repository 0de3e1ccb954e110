import { cp, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Containerd,
  type Enclosure,
  type FaultServer,
  freePort,
  type Image,
  makeImage,
  makeLayer,
  nest,
  programCommand,
  type RunResult,
  run,
  setUpContainers,
  startContainerd,
  startDockerd,
  startFaultyProxy,
  startRegistry,
  type TestRegistry,
} from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { configSnapshot } from '../support/config-snapshot.ts'
import { type DockerHub, startDockerHub } from '../support/docker-hub.ts'
import {
  containerdClientOf,
  dockerClientOf,
  type EngineClient,
  podmanClientOf,
} from '../support/engines.ts'
import { type DfdaemonSettings, Lab, type TestProgram } from '../support/lab.ts'

const layerBytes = 8e6
const slowBps = 4e6
const names = ['docker', 'containerd (hosts)', 'containerd (mirrors)', 'podman'] as const
type Name = (typeof names)[number]

/** An engine as it comes from the distribution, with configuration of its own. */
interface Stock {
  client: EngineClient
  runtime: 'docker' | 'containerd' | 'podman'
  /** Says where its configuration is. */
  flags: string[]
  /** What setup may change. */
  config: string
  /** What setup asks the user to do, if anything. */
  afterSetup(): Promise<void>
}

let lab: Lab
let registry: TestRegistry
/** What dfdaemon reads. */
let upstream: FaultServer
let hub: DockerHub
let settings: DfdaemonSettings
let dfdaemon: TestProgram
let stocks: Map<Name, Stock>
let images = 0

beforeAll(async () => {
  lab = await Lab.open()
  registry = lab.keep(await startRegistry())
  upstream = lab.keep(await startFaultyProxy({ upstream: registry.url }))
  hub = await startDockerHub(lab, registry.url)
  const supernode = await lab.supernode()
  settings = {
    name: 'dfdaemon',
    supernodeUrl: supernode.url,
    upstreamUrl: upstream.url,
    registries: { 'docker.io': upstream.url },
    listen: `127.0.0.1:${await freePort()}`,
  }
  dfdaemon = await lab.dfdaemon(settings)
  stocks = new Map<Name, Stock>([
    ['docker', await stockDocker()],
    ['containerd (hosts)', await stockContainerd('none')],
    ['containerd (mirrors)', await stockContainerd('mirrors')],
    ['podman', await stockPodman()],
  ])
}, 60_000)

afterAll(() => lab.close())

describe.each(names)('a stock %s', (name) => {
  let stock: Stock
  let before: string[]

  beforeAll(async () => {
    stock = stocks.get(name) as Stock
    before = await configSnapshot(stock.config)
  })

  it('pulls from docker.io before setup', async () => {
    expect(await pullOf(stock)).toEqual({ ok: true, viaMirror: false })
  })

  it('pulls through dfdaemon after setup', async () => {
    expect(await dfdaemonCommand('setup', stock)).toMatchObject({ code: 0, stderr: '' })
    await stock.afterSetup()
    expect(await pullOf(stock)).toEqual({ ok: true, viaMirror: true })
    const again = await dfdaemonCommand('setup', stock)
    expect(again.stdout).toMatch(/^\S.*: nothing to do\n$/)
  })

  it('pulls on when dfdaemon is killed in the middle of a pull', async () => {
    upstream.faults.set({ match: 'GET .*/blobs/', bps: slowBps })
    const image = await newImage()
    const pulled = stock.client.pull(image.reference)
    await underWay(image)
    await dfdaemon.daemon.kill()
    upstream.faults.clear()
    const { ok, error } = await pulled
    expect(ok ? 'resumed' : error).toMatch(resumes(name) ? 'resumed' : 'unexpected EOF')
    expect(await stock.client.pull(image.reference)).toMatchObject({
      ok: true,
      digest: image.digest,
    })
  })

  it('pulls from docker.io while dfdaemon is gone', async () => {
    expect(await pullOf(stock)).toEqual({ ok: true, viaMirror: false })
    dfdaemon = await lab.dfdaemon(settings)
  })

  it('has its configuration back, byte for byte, after undo, and pulls from docker.io', async () => {
    expect(await pullOf(stock)).toEqual({ ok: true, viaMirror: true })
    expect(await dfdaemonCommand('undo', stock)).toMatchObject({ code: 0, stderr: '' })
    expect(await configSnapshot(stock.config)).toEqual(before)
    await stock.afterSetup()
    expect(await pullOf(stock)).toEqual({ ok: true, viaMirror: false })
  })
})

/** podman resumes a blob that is cut off since 4.4; before, the next pull is the one that succeeds. */
function resumes(name: Name): boolean {
  return name !== 'podman'
}

async function stockDocker(): Promise<Stock> {
  const directory = await lab.folder('d')
  // With five attempts, the default, docker comes to docker.io after 75 s when a mirror dies under it.
  const extraArgs = ['--max-download-attempts=2']
  const dockerd = lab.keep(await startDockerd({ directory, within: hub.within, extraArgs }))
  await writeFile(
    dockerd.configPath,
    '{\n    "debug": false,\n    "max-concurrent-downloads": 2\n}\n',
  )
  return {
    client: dockerClientOf(dockerd),
    runtime: 'docker',
    flags: ['--docker-config', dockerd.configPath],
    config: dockerd.configPath,
    afterSetup: async () => {},
  }
}

async function stockContainerd(mode: 'none' | 'mirrors'): Promise<Stock> {
  const directory = await lab.folder(`c-${mode}`)
  const mirrors = { 'registry.test': 'http://127.0.0.1:1' }
  const containerd: Containerd = lab.keep(
    await startContainerd({ directory, mode, mirrors, within: hub.within }),
  )
  // Apart from what the daemon itself keeps below its folder.
  const etc = await lab.folder(`etc-c-${mode}`)
  await rename(containerd.configPath, join(etc, 'config.toml'))
  await symlink(join(etc, 'config.toml'), containerd.configPath)
  return {
    client: containerdClientOf(containerd, 'containerd'),
    runtime: 'containerd',
    flags: [
      '--containerd-config',
      containerd.configPath,
      '--containerd-hosts',
      join(etc, 'certs.d'),
    ],
    config: etc,
    afterSetup: () => containerd.restart(),
  }
}

async function stockPodman(): Promise<Stock> {
  const root = await lab.folder('podman-root')
  const etc = join(root, 'etc/containers')
  await cp('/etc/containers', etc, { recursive: true, verbatimSymlinks: true })
  const mounted: Enclosure = {
    command: [
      'unshare',
      '--mount',
      'sh',
      '-c',
      'mount --bind "$0" /etc/containers && exec "$@"',
      etc,
    ],
    env: {},
  }
  const containers = await setUpContainers({
    directory: await lab.folder('p'),
    within: nest(hub.within, mounted),
  })
  lab.defer(() => containers.cleanUp())
  return {
    client: podmanClientOf(containers),
    runtime: 'podman',
    flags: ['--root', root],
    config: etc,
    afterSetup: async () => {},
  }
}

/** `dfdaemon setup` or `undo` for an engine, without questions. */
async function dfdaemonCommand(command: 'setup' | 'undo', stock: Stock): Promise<RunResult> {
  const mirror = command === 'setup' ? ['--listen', settings.listen ?? ''] : []
  const upstreams =
    command === 'setup'
      ? ['--upstream', upstream.url, '--registry', `docker.io=${upstream.url}`]
      : []
  const words = [command, stock.runtime, ...stock.flags, '--yes', ...mirror, ...upstreams]
  const state = ['--state-dir', stateFolder()]
  return await run([...programCommand('dfdaemon'), ...words, ...state])
}

function stateFolder(): string {
  return join(lab.directory, 'state')
}

/** Pulls a new image, and tells whether dfdaemon gave it. */
async function pullOf({ client }: Stock): Promise<{ ok: boolean; viaMirror: boolean }> {
  const image = await newImage()
  const { ok, digest, error } = await client.pull(image.reference)
  if (!ok) throw new Error(error)
  expect(digest).toBe(image.digest)
  const path = new RegExp(`/v2/${image.repository}/`)
  const viaMirror = upstream.log.entries.some(({ url }) => path.test(url))
  const viaHub = hub.server.log.entries.some(({ url }) => path.test(url))
  expect(viaHub).toBe(!viaMirror)
  return { ok, viaMirror }
}

interface NewImage extends Image {
  repository: string
  reference: string
}

async function newImage(): Promise<NewImage> {
  const repository = `library/setup-${images++}`
  const layer = await makeLayer(await lab.folder('layers'), {
    randomBytes: layerBytes,
    seed: repository,
  })
  const image = makeImage({ layers: [layer] })
  registry.content.addImage(`${repository}:1`, image)
  return { ...image, repository, reference: `docker.io/${repository}:1` }
}

/** Resolves when the registry has sent a part of the layer to dfdaemon. */
async function underWay({ blobs }: Image): Promise<void> {
  const { digest } = blobs.at(-1) ?? {}
  const deadlineMs = performance.now() + 20_000
  while (upstream.log.sentBytes(new RegExp(`/blobs/${digest}`)) < layerBytes / 2) {
    if (performance.now() > deadlineMs) throw new Error('dfdaemon does not read the layer')
    await sleep(50)
  }
}
