import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Containerd,
  type Dockerd,
  type Enclosure,
  etcOverlay,
  type FaultServer,
  type Image,
  makeCa,
  makeImage,
  makeLayer,
  programCommand,
  pushImage,
  runOk,
  setUpContainers,
  startContainerd,
  startDockerd,
  startDockerRegistry,
  startFaultyProxy,
} from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentBytesSent } from '../support/content-bytes.ts'
import { Lab, type TestProgram } from '../support/lab.ts'
import { metricsOf } from '../support/metrics.ts'

const login = { user: 'alice', password: 'the-secret-of-alice' }
const basic = Buffer.from(`${login.user}:${login.password}`).toString('base64')

let lab: Lab
/** The registry as engines see it: real, behind TLS that keeps a log. */
let registry: FaultServer
/** `registry.test:PORT` */
let registryName: string
let supernode: TestProgram
let hosts: { dfdaemon: TestProgram; engines: Enclosure }[]
let images: { docker: Image; containerd: Image }
let proxyCa: string
/** Blobs that both hosts have by now, with their sizes; images share some. */
const pulled = new Map<string, number>()

beforeAll(async () => {
  lab = await Lab.open()
  const store = lab.keep(
    await startDockerRegistry({
      directory: await lab.folder('registry'),
      users: { [login.user]: login.password },
    }),
  )
  const registryCa = await makeCa(await lab.folder('registry-ca'))
  // Programs written in Go never use a proxy for names and addresses of loopback: it needs a name of its own.
  const address = `127.43.${(process.pid >> 8) & 255}.${process.pid & 255}`
  registry = lab.keep(
    await startFaultyProxy({
      upstream: store.url,
      host: address,
      tls: await registryCa.issue('registry.test'),
    }),
  )
  registryName = `registry.test:${registry.port}`
  const names = { 'registry.test': address }
  const plain = await etcOverlay({ directory: await lab.folder('etc'), names })

  const out = join(lab.directory, 'proxy-ca')
  await runOk([...programCommand('dfdaemon'), 'gen-ca', '--out', out, '--host', 'registry.test'])
  proxyCa = join(out, 'ca.crt')
  images = { docker: await image('docker'), containerd: await image('containerd') }
  await pushImage(store.url, 'team/docker:1', images.docker, { login })
  await pushImage(store.url, 'team/containerd:1', images.containerd, { login })

  const trust = ['--origin-ca', registryCa.certificatePath]
  supernode = await lab.supernode({ within: plain, args: trust })
  hosts = await Promise.all(
    ['one', 'two'].map(async (name) => {
      const dfdaemon = await lab.dfdaemon({
        name,
        supernodeUrl: supernode.url,
        upstreamUrl: 'https://registry-1.docker.io',
        within: plain,
        args: [
          ...['--proxy.intercept', registryName, '--proxy.ca-cert', proxyCa],
          ...['--proxy.ca-key', join(out, 'ca.key'), ...trust],
        ],
      })
      const engines = await etcOverlay({
        directory: await lab.folder(`etc-${name}`),
        names,
        files: { [`docker/certs.d/${registryName}/ca.crt`]: await readFile(proxyCa, 'utf8') },
        env: { HTTPS_PROXY: dfdaemon.url, NO_PROXY: '' },
      })
      return { dfdaemon, engines }
    }),
  )
})

afterAll(() => lab.close())

describe('docker on two hosts, with HTTPS_PROXY and the CA in its trust folder', () => {
  let dockers: Dockerd[]

  beforeAll(async () => {
    dockers = await Promise.all(
      hosts.map(async ({ engines }, index) =>
        lab.keep(await startDockerd({ directory: await lab.folder(`d${index}`), within: engines })),
      ),
    )
  })

  it('pulls a private image of a https registry, the second host from the first', async () => {
    for (const { docker } of dockers) {
      const told = await docker(['login', '-u', login.user, '-p', login.password, registryName])
      expect(told).toMatchObject({ code: 0 })
      const pulled = await docker(['pull', '--quiet', `${registryName}/team/docker:1`])
      expect(pulled, pulled.stderr).toMatchObject({ code: 0 })
      const digests = await docker([
        'image',
        'inspect',
        '--format',
        '{{.RepoDigests}}',
        `${registryName}/team/docker:1`,
      ])
      expect(digests.stdout).toContain(images.docker.digest)
    }
    await expectFromPeers(images.docker)
  })

  it('pushes through it too', async () => {
    const [one] = dockers
    const tag = `${registryName}/team/pushed:1`
    await one?.docker(['tag', `${registryName}/team/docker:1`, tag])
    const pushed = await one?.docker(['push', '--quiet', tag])
    expect(pushed, pushed?.stderr).toMatchObject({ code: 0 })
    expect(registry.log.matching(/^PUT \/v2\/team\/pushed\/manifests\/1/)).toHaveLength(1)
  })
})

describe('containerd on two hosts, with HTTPS_PROXY', () => {
  let containerds: Containerd[]

  beforeAll(async () => {
    containerds = await Promise.all(
      hosts.map(async ({ engines }, index) => {
        const containerd = lab.keep(
          await startContainerd({
            directory: await lab.folder(`c${index}`),
            mode: 'hosts',
            mirrors: {},
            within: engines,
          }),
        )
        const folder = join(containerd.hostsDirectory, registryName)
        await mkdir(folder, { recursive: true })
        await writeFile(
          join(folder, 'hosts.toml'),
          `[host."https://${registryName}"]\n  ca = "${proxyCa}"\n`,
        )
        return containerd
      }),
    )
  })

  it('pulls a private image of a https registry, the second host from the first', async () => {
    for (const { cri } of containerds) {
      await cri.pull(`${registryName}/team/containerd:1`, { login })
      expect((await cri.images())[0]?.repo_digests).toEqual([
        `${registryName}/team/containerd@${images.containerd.digest}`,
      ])
    }
    await expectFromPeers(images.containerd)
  })
})

it('skopeo, which trusts what docker trusts, gets them from the swarm too', async () => {
  const directory = await lab.folder('p')
  const [, two] = hosts
  const { skopeo, cleanUp } = await setUpContainers({
    directory,
    mirrors: {},
    ...(two && { within: two.engines }),
  })
  lab.defer(cleanUp)
  const source = ['--src-creds', `${login.user}:${login.password}`]
  const copied = await skopeo([
    ...['copy', ...source, `docker://${registryName}/team/docker:1`],
    `dir:${join(directory, 'copy')}`,
  ])
  expect(copied, copied.stderr).toMatchObject({ code: 0 })
  await expectFromPeers(images.docker)
})

it('manifests come through as they are, fields too', async () => {
  const [one] = hosts
  const url = `https://${registryName}/v2/team/docker/manifests/1`
  const get = (ca: string, ...more: string[]) =>
    runOk(
      [
        'curl',
        '--silent',
        '--include',
        ...['--header', `accept: ${images.docker.mediaType}`],
        '--user',
        `${login.user}:${login.password}`,
        '--cacert',
        ca,
        ...more,
        url,
      ],
      { within: one?.engines },
    )
  const direct = await get(join(lab.directory, 'registry-ca/ca.crt'), '--noproxy', '*')
  const proxied = await get(proxyCa)
  // Fields of the connection and of the moment, and what the proxy says to CONNECT.
  const answerIn = (text: string) =>
    text
      .replace(/^HTTP\/1.1 200 Connection established\s+/, '')
      .replaceAll(/^(?:date|connection|keep-alive):[^\n]*\n/gim, '')
  expect(answerIn(direct)).toContain(images.docker.digest)
  expect(answerIn(proxied)).toBe(answerIn(direct))
})

it('credentials are in no log and no file of our programs', async () => {
  for (const { dataDir, logPath } of [supernode, ...hosts.map(({ dfdaemon }) => dfdaemon)]) {
    const entries = await readdir(dataDir, { recursive: true, withFileTypes: true })
    const files = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
    for (const file of [logPath, ...files]) {
      const bytes = await readFile(file)
      expect([bytes.includes(login.password), bytes.includes(basic)], file).toEqual([false, false])
    }
  }
})

async function image(seed: string): Promise<Image> {
  const folder = await lab.folder(`layers-${seed}`)
  return makeImage({
    layers: [
      await makeLayer(folder, { busybox: true }),
      await makeLayer(folder, { randomBytes: 3e6, seed: `${seed}-a` }),
      await makeLayer(folder, { randomBytes: 5e6, seed: `${seed}-b` }),
    ],
  })
}

/** The registry sent each blob once, and the second host got all of it from the swarm. */
async function expectFromPeers({ blobs }: Image): Promise<void> {
  for (const { digest, source } of blobs) {
    expect(contentBytesSent(registry, digest), digest).toBe(source.sizeBytes)
    pulled.set(digest, source.sizeBytes)
  }
  const bytes = [...pulled.values()].reduce((sum, size) => sum + size, 0)
  const received = await Promise.all(
    hosts.map(async ({ dfdaemon }) => {
      const metrics = await metricsOf(dfdaemon.url)
      const from = (source: string) =>
        metrics.get(`dfdaemon_received_bytes_total{source="${source}"}`) ?? 0
      return { seed: from('seed'), peers: from('peers'), registry: from('origin') + from('direct') }
    }),
  )
  expect(received).toEqual([
    { seed: bytes, peers: 0, registry: 0 },
    { seed: 0, peers: bytes, registry: 0 },
  ])
}
