import { createHash } from 'node:crypto'
import { createLogger, createMetrics, listen } from '@df/kit'
import { createRegistryClient, RedirectOrigins, type RedirectOriginsOptions, Rights } from '@df/oci'
import { type Digest, parseDigest } from '@df/proto'
import { bytesSource, type RegistryOptions, startRegistry, type TestRegistry } from '@df/testkit'
import type { FastifyInstance } from 'fastify'
import { onTestFinished } from 'vitest'
import { createDaemonServer } from '../http-server.ts'
import { createDaemonMetrics } from '../metrics.ts'
import { createUpstreamDispatchers } from '../mirror/upstream-dispatcher.ts'
import { Upstreams } from '../mirror/upstreams.ts'
import { HostPatterns } from '../proxy/host-pattern.ts'
import { NoProxy } from '../proxy/no-proxy.ts'
import { Outgoing } from '../proxy/outgoing.ts'
import type { Proxy } from '../proxy/proxy.ts'
import { ProxyRules } from '../proxy/rules.ts'
import type { ProxySettings } from '../proxy/settings.ts'
import { ask, type ClientAnswer, type ClientRequest } from './client.ts'
import { FakeEngine } from './fake-engine.ts'

export interface MirrorOptions {
  registry?: RegistryOptions
  /** `--registry`, given the URL of the default registry. */
  registries?: (url: string) => Record<string, string>
  upstream?: string
  allowOrigin?: string[]
  redirect?: Partial<RedirectOriginsOptions> & { filterQuery?: readonly string[] }
  rightsTtlMs?: number
  now?: () => number
  silenceMs?: number
  headersTimeoutMs?: number
  bodySilenceMs?: number
  operatorToken?: string
  proxy?: Partial<ProxySettings>
  /** PEM. */
  originCa?: string
}

export interface TestMirror {
  url: string
  server: FastifyInstance
  proxy: Proxy
  engine: FakeEngine
  registry: TestRegistry
  rights: Rights
  /** Lines of the log, one text. */
  log(): string
  metrics(): Promise<string>
  /** A request to the mirror. */
  ask(path: string, request?: ClientRequest): Promise<ClientAnswer>
  askAt(base: string, path: string, request?: ClientRequest): Promise<ClientAnswer>
  /** Puts a blob into the registry and into the engine. */
  addBlob(repository: string, content: Buffer): Promise<Digest>
}

/** A mirror in front of a registry of its own, with a fake engine; ends with the test. */
export async function startMirror(options: MirrorOptions = {}): Promise<TestMirror> {
  const registry = await startRegistry(options.registry)
  const engine = new FakeEngine()
  const upstreams = new Upstreams({
    upstream: options.upstream ?? registry.url,
    registries: options.registries?.(registry.url) ?? {},
  })
  const { allow = [], origin, filterQuery = [] } = options.redirect ?? {}
  const redirects = new RedirectOrigins({ allow, origin })
  const { guarded, unguarded } = createUpstreamDispatchers({
    isConfigured: (at) => upstreams.isConfigured(at) || redirects.isConfigured(at),
    allowOrigin: options.allowOrigin ?? [],
    connectTimeoutMs: 500,
    ...(options.originCa === undefined ? {} : { ca: options.originCa }),
  })
  const { rightsTtlMs: ttlMs = 60_000, now, silenceMs, operatorToken } = options
  const rights = new Rights({ ttlMs, ...(now === undefined ? {} : { now }) })
  const metrics = createMetrics('dfdaemon')
  let lines = ''
  const stream = { write: (line: string) => void (lines += line) }
  const { server, proxy } = createDaemonServer({
    engine,
    about: () => ({ version: '1.2.3', peerPort: 65_002 }),
    registry: createRegistryClient({
      dispatcher: guarded,
      unguarded,
      headersTimeoutMs: options.headersTimeoutMs ?? 800,
      silenceMs: options.bodySilenceMs ?? 500,
    }),
    upstreams,
    redirects,
    filterQuery,
    proxy: {
      rules: new ProxyRules([]),
      bypass: new NoProxy([]),
      intercept: new HostPatterns([]),
      leaves: undefined,
      outgoing: new Outgoing(),
      ...options.proxy,
    },
    rights,
    logger: createLogger({ program: 'dfdaemon', level: 'trace', stream }),
    metrics,
    daemonMetrics: createDaemonMetrics(metrics, () => engine),
    ...(silenceMs === undefined ? {} : { silenceMs }),
    ...(operatorToken === undefined ? {} : { operatorToken }),
  })
  const { url } = await listen(server, { host: '127.0.0.1', port: 0 })
  onTestFinished(async () => {
    proxy.drain()
    server.server.closeAllConnections()
    await server.close()
    proxy.stop()
    await Promise.all([guarded.destroy(), unguarded.destroy()])
    await registry.stop()
  })
  return {
    url,
    server,
    proxy,
    engine,
    registry,
    rights,
    log: () => lines,
    metrics: () => metrics.text(),
    ask: (path, request) => ask(url, path, request),
    askAt: ask,
    async addBlob(repository, content) {
      const digest = await registry.content.addBlob(repository, bytesSource(content))
      engine.put({ kind: 'blob', digest }, content)
      return digest
    },
  }
}

/** Bytes that no codec would shorten, the same at every run. */
export function bytesOf(seed: string, length: number): Buffer {
  const parts: Buffer[] = []
  for (let size = 0, n = 0; size < length; n++, size += 32) {
    parts.push(createHash('sha256').update(`${seed}${n}`).digest())
  }
  return Buffer.concat(parts).subarray(0, length)
}

export function sha256(content: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(content).digest('hex')}`)
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
