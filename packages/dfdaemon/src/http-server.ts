import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Engine } from '@df/dfget'
import { answerRaw, createHttpServer, type Logger, type Metrics } from '@df/kit'
import {
  createBlobServices,
  type RedirectOrigins,
  type RegistryClient,
  type Rights,
  redirectHandler,
} from '@df/oci'
import { routes } from '@df/proto'
import type { FastifyInstance } from 'fastify'
import { registerDownloadRoute } from './downloads/route.ts'
import type { DaemonMetrics } from './metrics.ts'
import { contentEngine } from './mirror/content-engine.ts'
import { registerRegistryRoutes } from './mirror/registry-routes.ts'
import type { Upstreams } from './mirror/upstreams.ts'
import { createProxyMetrics } from './proxy/metrics.ts'
import { Proxy } from './proxy/proxy.ts'
import type { ProxySettings } from './proxy/settings.ts'
import { registerTaskRoutes } from './tasks/routes.ts'

export interface DaemonServerOptions {
  engine: Engine
  /** What /readyz says of this process. */
  about(): { version: string; peerPort: number }
  registry: RegistryClient
  upstreams: Upstreams
  redirects: RedirectOrigins
  /** Query parameters of redirects that do not decide the content, besides known signatures. */
  filterQuery: readonly string[]
  rights: Rights
  logger: Logger
  metrics: Metrics
  daemonMetrics: DaemonMetrics
  operatorToken?: string
  /** Longest silence towards a caller; below the 10 s that no pull may stand still. */
  silenceMs?: number
  proxy: ProxySettings
}

export interface DaemonServer {
  server: FastifyInstance
  proxy: Proxy
}

/**
 * The listener of a host: mirror, proxy, downloads of local programs, and what operators look at. Ready even while no
 * SuperNode answers, since pulls work without.
 */
export function createDaemonServer(options: DaemonServerOptions): DaemonServer {
  const { engine, logger, upstreams, operatorToken, silenceMs = 9800 } = options
  const { registry, rights, daemonMetrics } = options
  const services = createBlobServices(
    { engine: contentEngine(engine), registry, rights, metrics: daemonMetrics },
    logger,
  )
  const proxy = new Proxy({
    ...options.proxy,
    engine,
    services,
    metrics: createProxyMetrics(options.metrics, {
      tunnels: () => proxy.tunnels,
      opened: () => proxy.opened,
    }),
    logger,
    silenceMs,
  })
  const server = createHttpServer({
    logger,
    metrics: options.metrics,
    diversion: proxy,
    name: 'mirror',
    isReady: () => true,
    readyDetail: () => ({ ...options.about(), supernodes: engine.sessions() }),
    access: operatorToken === undefined ? {} : { operatorToken },
  })
  attachProxy(proxy, server.server)
  registerRegistryRoutes(server, { services, upstreams, logger, silenceMs })
  const redirected = redirectHandler({
    services,
    origins: options.redirects,
    filterQuery: options.filterQuery,
    logger,
    silenceMs,
  })
  for (const route of [routes.origin, routes.storedBlob]) answerRaw(server, route, redirected)
  registerDownloadRoute(server, engine)
  registerTaskRoutes(server, engine)
  return { server, proxy }
}

/** What comes past the event `request`. */
function attachProxy(proxy: Proxy, server: Server): void {
  server.on('connect', (request, socket: Socket, head) => proxy.connect(request, socket, head))
  server.on('upgrade', (request, socket: Socket, head) => proxy.upgrade(request, socket, head))
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // The proxy passes on what the origin says to it.
    if (proxy.divert(request, response)) return
    response.writeContinue()
    server.emit('request', request, response)
  })
}
