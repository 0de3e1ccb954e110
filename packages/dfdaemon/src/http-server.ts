import type { Engine } from '@df/dfget'
import { createHttpServer, type Logger, type Metrics } from '@df/kit'
import { createBlobServices, type RedirectOrigins, type RegistryClient, type Rights } from '@df/oci'
import type { FastifyInstance } from 'fastify'
import { registerDownloadRoute } from './downloads/route.ts'
import type { DaemonMetrics } from './metrics.ts'
import { contentEngine } from './mirror/content-engine.ts'
import { registerRegistryRoutes } from './mirror/registry-routes.ts'
import type { Upstreams } from './mirror/upstreams.ts'
import { registerRedirectRoutes } from './redirect/routes.ts'
import { registerTaskRoutes } from './tasks/routes.ts'

export interface DaemonServerOptions {
  engine: Engine
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
}

/**
 * The listener of a host: mirror, downloads of local programs, and what operators look at. Ready even while no
 * SuperNode answers, since pulls work without.
 */
export function createDaemonServer(options: DaemonServerOptions): FastifyInstance {
  const { engine, logger, upstreams, operatorToken, silenceMs = 9800 } = options
  const server = createHttpServer({
    logger,
    metrics: options.metrics,
    name: 'mirror',
    isReady: () => true,
    readyDetail: () => ({ supernodes: engine.sessions() }),
    access: operatorToken === undefined ? {} : { operatorToken },
  })
  const { registry, rights, daemonMetrics } = options
  const services = createBlobServices(
    { engine: contentEngine(engine), registry, rights, metrics: daemonMetrics },
    logger,
  )
  registerRegistryRoutes(server, { services, upstreams, logger, silenceMs })
  registerRedirectRoutes(server, {
    services,
    origins: options.redirects,
    filterQuery: options.filterQuery,
    logger,
    silenceMs,
  })
  registerDownloadRoute(server, engine)
  registerTaskRoutes(server, engine)
  return server
}
