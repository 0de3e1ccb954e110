import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  bytesSource,
  generatedSource,
  makeCa,
  type NetworkHost,
  programCommand,
  type RunResult,
  run,
  runOk,
  startFileOrigin,
  startRegistry,
  type TestCa,
  TestNetwork,
  type TestRegistry,
} from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOfFile } from '../support/curl.ts'
import { Lab, type TestProgram } from '../support/lab.ts'
import { metricsOf } from '../support/metrics.ts'
import { type NetworkRegistry, startNetworkRegistry } from '../support/network-registry.ts'

let lab: Lab

beforeAll(async () => {
  lab = await Lab.open()
})

afterAll(() => lab.close())

describe('curl through dfdaemon', () => {
  let registryCa: TestCa
  let registry: TestRegistry
  let supernode: TestProgram
  let hosts: TestProgram[]
  let proxyCa: string
  let files = 0

  beforeAll(async () => {
    registryCa = await makeCa(await lab.folder('registry-ca'))
    registry = lab.keep(
      await startRegistry({ tls: await registryCa.issue('localhost', '127.0.0.1') }),
    )
    const out = join(lab.directory, 'proxy-ca')
    await runOk([...programCommand('dfdaemon'), 'gen-ca', '--out', out])
    proxyCa = join(out, 'ca.crt')
    const trust = ['--origin-ca', registryCa.certificatePath]
    supernode = await lab.supernode({ args: trust })
    hosts = await Promise.all(
      ['one', 'two'].map((name) =>
        lab.dfdaemon({
          name,
          supernodeUrl: supernode.url,
          upstreamUrl: 'https://registry-1.docker.io',
          args: [
            ...['--proxy.intercept', 'localhost', '--proxy.ca-cert', proxyCa],
            ...['--proxy.ca-key', join(out, 'ca.key'), '--allow-origin', '127.0.0.0/8', ...trust],
            ...['--proxy.rule', '\\.tar$ swarm', '--proxy.rule', '/secret/ refuse'],
          ],
        }),
      ),
    )
  })

  const curl = (proxy: TestProgram | undefined, ...args: string[]): Promise<RunResult> =>
    run(['curl', '--silent', '--show-error', '--proxy', proxy?.url ?? '', ...args])

  async function fetched(proxy: TestProgram | undefined, url: string, ...args: string[]) {
    const path = join(lab.directory, `fetched-${files++}`)
    const { code } = await curl(proxy, '--output', path, ...args, url)
    return { code, digest: await digestOfFile(path) }
  }

  const blobUrl = (digest: string) =>
    `${registry.url.replace('127.0.0.1', 'localhost')}/v2/a/blobs/${digest}`

  it('gets a file that a rule names from another host, which was the only one to ask for it', async () => {
    const origin = lab.keep(await startFileOrigin())
    const source = generatedSource('file', 5_000_000)
    origin.files.set('/a.tar', source)
    const results = []
    for (const host of hosts) results.push(await fetched(host, `${origin.url}/a.tar`))
    expect(results.map(({ code }) => code)).toEqual([0, 0])
    expect(new Set(results.map(({ digest }) => digest)).size).toBe(1)
    const sent = origin.log.matching(/^GET/).reduce((sum, { sentBytes }) => sum + sentBytes, 0)
    // Beside the content, each host asks for one byte to see whether it is still the same.
    expect(sent).toBeLessThan(1.1 * source.sizeBytes)
    const metrics = await metricsOf(hosts[1]?.url ?? '')
    expect(metrics.get('dfdaemon_received_bytes_total{source="peers"}')).toBe(source.sizeBytes)
  })

  it('that refuses our certificate gets the real one from its second try', async () => {
    const [host] = hosts
    const pinned = ['--user-agent', 'pinned', '--cacert', registryCa.certificatePath]
    const url = `https://localhost:${registry.port}/v2/`
    expect((await curl(host, ...pinned, url)).code).toBe(60)
    expect(await curl(host, ...pinned, url)).toMatchObject({ code: 0, stdout: '{}' })
    expect((await curl(host, '--cacert', proxyCa, url)).code).toBe(0)
  })

  it('is told when a rule refuses, within TLS too', async () => {
    const [host] = hosts
    const answers = await Promise.all(
      ['http://x.lan/secret/', `https://localhost:${registry.port}/secret/`].map((url) =>
        curl(host, '--cacert', proxyCa, '--write-out', '%{http_code}', url),
      ),
    )
    expect(answers.map(({ stdout }) => stdout)).toEqual(
      Array(2).fill('a rule of this proxy refuses this address\n403'),
    )
  })

  it('gets blobs right when the SuperNode is gone, and when the other host is', async () => {
    const [one, two] = hosts
    const early = await registry.content.addBlob('a', generatedSource('early', 3_000_000))
    expect(await fetched(one, blobUrl(early), '--cacert', proxyCa)).toEqual({
      code: 0,
      digest: early,
    })
    await supernode.daemon.kill()
    const late = await registry.content.addBlob('a', generatedSource('late', 3_000_000))
    for (const digest of [early, late])
      expect(await fetched(two, blobUrl(digest), '--cacert', proxyCa)).toEqual({ code: 0, digest })
    await one?.daemon.kill()
    const last = await registry.content.addBlob('a', bytesSource(Buffer.from('small')))
    expect(await fetched(two, blobUrl(last), '--cacert', proxyCa)).toEqual({
      code: 0,
      digest: last,
    })
  })

  it('sees a broken connection, and no wrong end, when dfdaemon is killed in the middle', async () => {
    const [, two] = hosts
    registry.faults.set({ match: 'blobs', bps: 2_000_000 })
    const slow = await registry.content.addBlob('a', generatedSource('slow', 20_000_000))
    const fetching = fetched(two, blobUrl(slow), '--cacert', proxyCa)
    await sleep(1500)
    await two?.daemon.kill()
    expect((await fetching).code).toBeGreaterThan(0)
  })
})

describe('a dfdaemon that listens on all addresses', () => {
  let hosts: NetworkHost[]
  let registry: NetworkRegistry

  beforeAll(async () => {
    const network = await TestNetwork.create({ hosts: 2 })
    lab.defer(() => network.remove())
    hosts = [...network.hosts]
    const [one] = hosts as [NetworkHost]
    registry = lab.keep(await startNetworkRegistry(one, { blobs: { 'a/b:1': 1000 } }))
    await lab.dfdaemon({
      supernodeUrl: 'http://127.0.0.1:1',
      upstreamUrl: registry.url,
      listen: '0.0.0.0:65001',
      within: one.within,
    })
  })

  it('is a mirror for other hosts, and a proxy for its own only', async () => {
    const [one, two] = hosts as [NetworkHost, NetworkHost]
    const status = async (host: NetworkHost, ...args: string[]) =>
      (
        await host.run([
          'curl',
          '--silent',
          '--output',
          '/dev/null',
          '--write-out',
          '%{http_code} %{http_connect}',
          ...args,
        ])
      ).stdout
    const proxy = ['--proxy', `http://${one.address}:65001`]
    expect(await status(two, `http://${one.address}:65001/v2/`)).toBe('200 000')
    expect(await status(two, ...proxy, `${registry.url}/v2/`)).toBe('403 000')
    expect(await status(two, ...proxy, '--proxytunnel', `${registry.url}/v2/`)).toBe('000 403')
    const local = ['--proxy', 'http://127.0.0.1:65001']
    expect(await status(one, ...local, `${registry.url}/v2/`)).toBe('200 000')
    expect(await status(one, ...local, '--proxytunnel', `${registry.url}/v2/`)).toBe('200 200')
  })
})
