import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { createEngine, type EngineLimits } from '@df/dfget'
import {
  type BoundAddress,
  type Composition,
  closeServer,
  createMetrics,
  formatAddress,
  isLoopbackAddress,
  type Logger,
  listen,
  type Metrics,
  makeFolder,
  parseListen,
  readCertificates,
} from '@df/kit'
import { createRegistryClient, RedirectOrigins, Rights } from '@df/oci'
import { AppError } from '@df/proto'
import { createContentStore, Spool } from '@df/storage'
import { createOriginClient } from '@df/transfer'
import type { FastifyInstance } from 'fastify'
import type { DaemonConfig } from './config.ts'
import { createDaemonServer } from './http-server.ts'
import { createDaemonMetrics } from './metrics.ts'
import { createUpstreamDispatchers } from './mirror/upstream-dispatcher.ts'
import { Upstreams } from './mirror/upstreams.ts'
import { OrderBook } from './orders/order-book.ts'
import { interceptedOrigins, readProxySettings } from './proxy/settings.ts'

export interface ComposeTools {
  logger: Logger
  version: string
}

/** A dfdaemon put together; `server` and `metrics` for tests and for the reference of routes and metrics. */
export interface Daemon extends Composition<DaemonConfig> {
  server: FastifyInstance
  metrics: Metrics
}

/** A dfdaemon, put together but not started. @throws AppError CONFIG_INVALID, STORAGE_FAILED */
export async function composeDaemon(
  config: DaemonConfig,
  { logger, version }: ComposeTools,
): Promise<Daemon> {
  const { dataDir, cache, listen: listenText, peerListen, operatorToken } = config
  const upstreams = new Upstreams({ upstream: config.upstream, registries: config.registry })
  const originCa = await readCertificates('--origin-ca', config.originCa)
  const redirects = new RedirectOrigins(config.redirect)
  const isIntercepted = interceptedOrigins(config.proxy)
  const { guarded, unguarded } = createUpstreamDispatchers({
    isConfigured: (origin) =>
      upstreams.isConfigured(origin) || redirects.isConfigured(origin) || isIntercepted(origin),
    allowOrigin: config.allowOrigin,
    ...(originCa === undefined ? {} : { ca: originCa }),
  })
  const rights = new Rights({ ttlMs: config.rightsTtl })
  const metrics = createMetrics('dfdaemon')
  const daemonMetrics = createDaemonMetrics(metrics, () => engine)
  const supernodeCa = await readCertificates('--supernode-ca', config.supernodeCa)
  const diskBytes = await openDataDir(dataDir)
  const quotaBytes = cache.quota ?? Math.floor(diskBytes / 2)
  const store = createContentStore({
    dir: dataDir,
    quotaBytes,
    highWater: cache.highWater / 100,
    lowWater: cache.lowWater / 100,
    logger,
  })
  const orders = new OrderBook({
    labels: config.label,
    parallel: config.preheat.parallel,
    engine: { open: (request) => engine.open(request) },
    logger,
    onEnded: daemonMetrics.countOrder,
  })
  const engine = createEngine({
    dataDir,
    store,
    spool: new Spool(join(dataDir, 'spool'), () =>
      quotaBytes === 0 ? Number.POSITIVE_INFINITY : quotaBytes - store.usage().storedBytes,
    ),
    origin: createOriginClient({ dispatcher: guarded }),
    supernodes: config.supernode,
    ...(supernodeCa === undefined ? {} : { supernodeCa }),
    peerListen: parseListen(peerListen),
    ...(config.advertise === undefined ? {} : { advertise: config.advertise }),
    program: `dfdaemon/${version}`,
    limits: engineLimits(config),
    orders,
    logger,
    onReceived: daemonMetrics.countReceived,
    onSent: daemonMetrics.countUploaded,
    onError: (code) => daemonMetrics.countError('engine', code),
    onFinished: daemonMetrics.countTask,
  })
  const { server, proxy } = createDaemonServer({
    engine,
    about: () => ({ version, peerPort: engine.peerPort }),
    registry: createRegistryClient({ dispatcher: guarded, unguarded }),
    proxy: await readProxySettings(config.proxy, originCa),
    upstreams,
    redirects,
    filterQuery: config.redirect.filterQuery,
    rights,
    logger,
    metrics,
    daemonMetrics,
    ...(operatorToken === undefined ? {} : { operatorToken }),
  })
  let bound: BoundAddress | undefined
  const mirror = {
    async start() {
      bound = await listen(server, parseListen(listenText))
      if (isLoopbackAddress(bound.host)) return
      logger.warn(
        { listen: bound.url },
        'the mirror is reachable from other hosts over plain HTTP, and container engines send it passwords',
      )
    },
    stop: async () => {
      proxy.drain()
      await closeServer(server)
      proxy.stop()
    },
  }
  const connections = {
    start: async () => {},
    stop: async () => {
      await Promise.all([guarded.destroy(), unguarded.destroy()])
    },
  }
  const ordering = {
    start: async () => {},
    stop: async () => orders.stop(),
  }
  return {
    server,
    metrics,
    parts: [connections, engine, ordering, mirror],
    ready: () => {
      const peers = formatAddress(parseListen(peerListen).host, engine.peerPort)
      return `mirror=${bound?.url ?? ''} peers=${peers}`
    },
    reload({ rightsTtl, limits }) {
      rights.setTtl(rightsTtl)
      engine.setLimits(engineLimits({ limits }))
    },
  }
}

function engineLimits({ limits: { down, up, task } }: Pick<DaemonConfig, 'limits'>): EngineLimits {
  return { downBps: down, upBps: up, taskBps: task }
}

/** Makes the data directory; gives the size of its file system. @throws AppError STORAGE_FAILED */
async function openDataDir(dataDir: string): Promise<number> {
  try {
    await makeFolder(dataDir, 0o700)
    const { bsize, blocks } = await statfs(dataDir)
    return bsize * blocks
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    throw new AppError('STORAGE_FAILED', `the data directory ${dataDir} cannot be used (${code})`, {
      cause,
      hint: 'choose another one with --data-dir, or give this user the right to write there',
    })
  }
}
