import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger, loadConfig, startAll, stopAll } from '@df/kit'
import { bytesSource, makeCa, startRegistry, type TestRegistry } from '@df/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { composeDaemon } from './compose.ts'
import { daemonConfig } from './config.ts'
import { ask } from './test-support/client.ts'
import { basic, bytesOf, sha256 } from './test-support/mirror.ts'

const content = bytesOf('composed', 3_000_000)
const digest = sha256(content)
const path = `/v2/library/app/blobs/${digest}`

async function registryWithBlob(options = {}): Promise<TestRegistry> {
  const registry = await startRegistry(options)
  onTestFinished(() => registry.stop())
  await registry.content.addBlob('library/app', bytesSource(content))
  return registry
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'dfdaemon-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** The whole program but its process, with no SuperNode anywhere. */
async function startDaemon(registry: TestRegistry, dataDir: string, ...more: string[]) {
  const argv = ['--upstream', registry.url, '--data-dir', dataDir, ...more]
  const env = {
    HOME: dataDir,
    DFDAEMON_LISTEN: '127.0.0.1:0',
    DFDAEMON_PEER_LISTEN: '127.0.0.1:0',
    DFDAEMON_SUPERNODE: 'http://127.0.0.1:9',
  }
  const { config } = loadConfig(daemonConfig, { argv, env, cwd: dataDir })
  let log = ''
  const stream = { write: (line: string) => void (log += line) }
  const logger = createLogger({ program: 'dfdaemon', level: 'trace', stream })
  const composition = await composeDaemon(config, { logger, version: '0.0.0' })
  await startAll(composition.parts)
  let stopped: Promise<void> | undefined
  const stop = () => (stopped ??= stopAll(composition.parts))
  onTestFinished(stop)
  const url = /mirror=(\S+) peers=127\.0\.0\.1:[1-9]\d*$/.exec(composition.ready())?.[1] ?? ''
  return { url, config, composition, stop, log: () => log }
}

describe('a dfdaemon without SuperNode', () => {
  it('pulls from the registry, once, and then from its disk, also after a restart', async () => {
    const registry = await registryWithBlob()
    const dataDir = folder()
    const first = await startDaemon(registry, dataDir)
    const cold = await Promise.all([ask(first.url, path), ask(first.url, path)])
    expect(cold.map(({ body }) => body.equals(content))).toEqual([true, true])
    expect(registry.blobBytesSent()).toBe(content.length)
    await first.stop()
    const second = await startDaemon(registry, dataDir)
    expect((await ask(second.url, path)).body.equals(content)).toBe(true)
    expect(registry.blobBytesSent()).toBe(content.length)
  })

  it('goes past a cache that is too small', async () => {
    const registry = await registryWithBlob()
    const { url, log } = await startDaemon(registry, folder(), '--cache.quota', '1MB')
    const answer = await ask(url, path)
    expect([answer.status, answer.body.equals(content)]).toEqual([200, true])
    expect(log()).toContain('DISK_FULL')
  })

  it('never ends a wrong blob well, and sends who asks again to the registry', async () => {
    const registry = await registryWithBlob()
    const { url } = await startDaemon(registry, folder())
    registry.faults.set({ match: 'GET .*blobs', corruptAt: 1_000_000 })
    const wrong = await ask(url, path)
    expect(wrong.status === 404 || !wrong.complete).toBe(true)
    registry.faults.clear()
    expect((await ask(url, path)).status).toBe(404)
  })

  it('ends within 10 s what a registry leaves hanging, and the caller resumes', async () => {
    const registry = await registryWithBlob()
    const { url } = await startDaemon(registry, folder())
    registry.faults.set(
      { match: 'GET .*blobs', times: 1, stallAt: 1_000_000 },
      { match: 'GET .*blobs', hang: true },
    )
    const hanging = await ask(url, path)
    expect(hanging.complete).toBe(false)
    expect(hanging.durationMs).toBeLessThan(10_500)
    registry.faults.clear()
    const range = `bytes=${hanging.body.length}-`
    const rest = await ask(url, path, { headers: { range } })
    expect(Buffer.concat([hanging.body, rest.body]).equals(content)).toBe(true)
  }, 30_000)

  it('keeps credentials out of its files and its log', async () => {
    const users = { alice: 'wonderland-1' }
    const registry = await registryWithBlob({ auth: { scheme: 'basic', users } })
    const dataDir = folder()
    const { url, stop, log } = await startDaemon(registry, dataDir)
    const authorization = basic('alice', 'wonderland-1')
    expect((await ask(url, path)).status).toBe(401)
    const answer = await ask(url, path, { headers: { authorization } })
    expect(answer.body.equals(content)).toBe(true)
    expect((await ask(url, path)).status).toBe(401)
    await stop()
    const files = readdirSync(dataDir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    expect(files.length).toBeGreaterThan(1)
    const written = files.join('') + log()
    for (const secret of ['wonderland-1', authorization.replace('Basic ', '')]) {
      expect(written).not.toContain(secret)
    }
  })

  it('has its data directory alone', async () => {
    const registry = await registryWithBlob()
    const dataDir = folder()
    await startDaemon(registry, dataDir)
    await expect(startDaemon(registry, dataDir)).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE' })
  })

  it('takes limits and the life of rights over while it runs', async () => {
    const registry = await registryWithBlob()
    const { url, config, composition } = await startDaemon(registry, folder())
    await ask(url, path)
    composition.reload?.({ ...config, rightsTtl: 0, limits: { down: 1_000_000, up: 0, task: 0 } })
    registry.log.clear()
    await ask(url, path)
    await ask(url, path)
    expect(registry.log.matching(/HEAD/)).toHaveLength(2)
  })

  it('says when its mirror can be reached from other hosts', async () => {
    const registry = await registryWithBlob()
    const closed = await startDaemon(registry, folder())
    expect(closed.log()).not.toContain('reachable from other hosts')
    const open = await startDaemon(registry, folder(), '--listen', '0.0.0.0:0')
    expect(open.log()).toContain('reachable from other hosts')
  })
})

describe('files that the configuration names', () => {
  it.each([
    [['--origin-ca', '/none'], "--origin-ca: '/none' cannot be read (ENOENT)"],
    [['--origin-ca', '/etc/hostname'], "--origin-ca: '/etc/hostname' holds no certificate"],
    [['--supernode-ca', '/none'], "--supernode-ca: '/none' cannot be read (ENOENT)"],
    [
      ['--proxy.ca-cert', '/none', '--proxy.ca-key', '/etc/hostname'],
      "--proxy.ca-cert: '/none' cannot be read (ENOENT)",
    ],
    [
      ['--proxy.ca-cert', '/etc/hostname', '--proxy.ca-key', '/etc/hostname'],
      'the authority of the proxy cannot be used: the certificate is not PEM',
    ],
  ])('%j are refused in words', async (argv, words) => {
    const registry = await registryWithBlob()
    const failure = { code: 'CONFIG_INVALID', message: words, hint: expect.any(String) }
    await expect(startDaemon(registry, folder(), ...argv)).rejects.toMatchObject(failure)
  })
})

it('the proxy reads a registry with a private authority, the swarm’s way, by --origin-ca', async () => {
  const ca = await makeCa(folder())
  const registry = await registryWithBlob({ tls: await ca.issue('127.0.0.1') })
  const more = ['--origin-ca', ca.certificatePath]
  const { url, log } = await startDaemon(registry, folder(), ...more)
  const answer = await ask(url, registry.url + path)
  expect([answer.status, answer.body.equals(content)]).toEqual([200, true])
  await expect
    .poll(log)
    .toMatch(/"passage":"blob","status":200.*"received":\{"peers":0,"seed":0,"origin":3000000/)
})
