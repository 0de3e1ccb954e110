import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCa, type NetworkHost, TestNetwork } from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { curl, type Download } from '../support/curl.ts'
import { Lab, type TestProgram } from '../support/lab.ts'
import { type NetworkRegistry, startNetworkRegistry } from '../support/network-registry.ts'

const megabit = 1e6
const megabyte = 1e6
const port = 8002
const alice = 'alice:the-secret-of-alice'

let lab: Lab
let registryHost: NetworkHost
let supernodeHost: NetworkHost
let hosts: NetworkHost[]
let registry: NetworkRegistry
let privateRegistry: NetworkRegistry
let supernode: TestProgram
let dfdaemons: TestProgram[]

beforeAll(async () => {
  lab = await Lab.open()
  const network = await TestNetwork.create({
    hosts: 6,
    egressBps: 100 * megabit,
    ingressBps: 100 * megabit,
  })
  lab.defer(() => network.remove())
  const [one, two, ...rest] = network.hosts
  if (one === undefined || two === undefined) throw new Error('no hosts')
  registryHost = one
  supernodeHost = two
  hosts = rest
  registry = lab.keep(
    await startNetworkRegistry(registryHost, {
      blobs: {
        'library/cold:1': 30 * megabyte,
        'library/pair:1': 10 * megabyte,
        'library/restart:1': 40 * megabyte,
        'library/again:1': megabyte,
      },
    }),
  )
  supernode = await startSupernode('supernode', [])
  dfdaemons = await Promise.all(hosts.map((host) => startDfdaemon(host, supernode.url)))
})

afterAll(() => lab.close())

describe('four hosts', () => {
  it('that fetch a cold blob at once get it right, and the registry sends it once', async () => {
    const digest = registry.blob('library/cold:1')
    const fetched = await Promise.all(hosts.map((host) => fetchBlob(host, 'library/cold', digest)))
    expect(fetched).toEqual(hosts.map(() => whole(digest)))
    expect(await registry.bytesSent(digest)).toBeLessThanOrEqual(1.02 * 30 * megabyte)
  })

  it('that lose the SuperNode half-way, until it is back, all get it right', async () => {
    const digest = registry.blob('library/restart:1')
    const fetching = hosts.map((host) => fetchBlob(host, 'library/restart', digest))
    await sleep(1500)
    await supernode.daemon.kill()
    await sleep(500)
    supernode = await startSupernode('supernode', [])
    expect(await Promise.all(fetching)).toEqual(hosts.map(() => whole(digest)))

    const fresh = registry.blob('library/again:1')
    const again = await Promise.all(hosts.map((host) => fetchBlob(host, 'library/again', fresh)))
    expect(again).toEqual(hosts.map(() => whole(fresh)))
    expect(await registry.bytesSent(fresh)).toBe(megabyte)
  })
})

it('two clients of one host that want a cold blob at once cause one read at the registry', async () => {
  const digest = registry.blob('library/pair:1')
  const host = hosts[0] as NetworkHost
  const fetched = await Promise.all([1, 2].map(() => fetchBlob(host, 'library/pair', digest)))
  expect(fetched).toEqual([whole(digest), whole(digest)])
  expect(await registry.bytesSent(digest)).toBe(10 * megabyte)
})

describe('a private blob', () => {
  const bytes = 5 * megabyte
  const authorization = `authorization: Basic ${Buffer.from(alice).toString('base64')}`
  let digests: { plain: string; tls: string }

  beforeAll(async () => {
    await registry.stop()
    const [user = '', password = ''] = alice.split(':')
    privateRegistry = lab.keep(
      await startNetworkRegistry(registryHost, {
        blobs: { 'team/plain:1': bytes, 'team/tls:1': bytes },
        auth: { scheme: 'basic', users: { [user]: password } },
      }),
    )
    digests = {
      plain: privateRegistry.blob('team/plain:1'),
      tls: privateRegistry.blob('team/tls:1'),
    }
  })

  it('is read by each host itself when its SuperNode is only reached over a plain link, which warns', async () => {
    const { plain } = digests
    const fetched = await Promise.all(
      hosts.map((host) => fetchBlob(host, 'team/plain', plain, [authorization])),
    )
    expect(fetched).toEqual(hosts.map(() => whole(plain)))
    expect(await privateRegistry.bytesSent(plain)).toBe(hosts.length * bytes)
    for (const { logPath } of dfdaemons)
      expect(await readFile(logPath, 'utf8')).toMatch(/"level":"warn".*plain link/)
  })

  it('goes through the swarm when the SuperNode is reached over TLS', async () => {
    await Promise.all([...dfdaemons, supernode].map(({ daemon }) => daemon.stop()))
    const ca = await makeCa(await lab.folder('ca'))
    const { certPath, keyPath } = await ca.issue(supernodeHost.address)
    const secure = await startSupernode('tls-supernode', [
      '--tls-cert',
      certPath,
      '--tls-key',
      keyPath,
    ])
    expect(secure.url).toMatch(/^https:/)
    await Promise.all(
      hosts.map((host) => startDfdaemon(host, secure.url, ['--supernode-ca', ca.certificatePath])),
    )
    const { tls } = digests
    const fetched = await Promise.all(
      hosts.map((host) => fetchBlob(host, 'team/tls', tls, [authorization])),
    )
    expect(fetched).toEqual(hosts.map(() => whole(tls)))
    expect(await privateRegistry.bytesSent(tls)).toBe(bytes)

    const [host = registryHost] = hosts
    expect(await fetchBlob(host, 'team/tls', tls)).toMatchObject({ status: 401 })
  })
})

function startSupernode(name: string, args: readonly string[]): Promise<TestProgram> {
  return lab.supernode({
    name,
    listen: `${supernodeHost.address}:${port}`,
    allowOrigin: '10.231.0.0/16',
    within: supernodeHost.within,
    args,
  })
}

function startDfdaemon(
  host: NetworkHost,
  supernodeUrl: string,
  args: readonly string[] = [],
): Promise<TestProgram> {
  return lab.dfdaemon({
    supernodeUrl,
    upstreamUrl: registry.url,
    address: host.address,
    listen: '127.0.0.1:65001',
    within: host.within,
    args,
  })
}

function fetchBlob(
  host: NetworkHost,
  repository: string,
  digest: string,
  headers: readonly string[] = [],
): Promise<Download> {
  const url = `http://127.0.0.1:65001/v2/${repository}/blobs/${digest}`
  return curl(url, { directory: lab.directory, within: host.within, headers })
}

function whole(digest: string): unknown {
  return expect.objectContaining({ exitCode: 0, status: 200, digest })
}
