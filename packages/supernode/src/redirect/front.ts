import type { Logger } from '@df/kit'
import {
  createBlobServices,
  createRegistryClient,
  RedirectOrigins,
  Rights,
  redirectHandler,
  type ServingMetrics,
} from '@df/oci'
import { createOriginClient, type OriginClientOptions } from '@df/transfer'
import type { SupernodeConfig } from '../config.ts'
import type { SupernodeMetrics } from '../metrics.ts'
import { SeedEngine, type SeedEngineOptions } from './seed-engine.ts'

/** Below the 10 s that no pull may stand still. */
const SILENCE_MS = 9800

export interface RedirectFrontOptions extends Omit<SeedEngineOptions, 'origin'> {
  config: SupernodeConfig['redirect']
  /** Guards addresses. */
  dispatcher: OriginClientOptions['dispatcher']
  metrics: SupernodeMetrics
  logger: Logger
}

/** Serves callers whom a registry redirected here, from the SuperNode's own copies. */
export function createRedirectFront(options: RedirectFrontOptions) {
  const { config, dispatcher, metrics, logger } = options
  const rights = new Rights({ ttlMs: config.rightsTtl })
  const engine = new SeedEngine({ ...options, origin: createOriginClient({ dispatcher }) })
  const registry = createRegistryClient({ dispatcher })
  return {
    answer: redirectHandler({
      origins: new RedirectOrigins(config),
      filterQuery: config.filterQuery,
      services: createBlobServices(
        { engine, registry, rights, metrics: servingMetrics(metrics) },
        logger,
      ),
      logger,
      silenceMs: SILENCE_MS,
    }),
    setRightsTtl: (ttlMs: number) => rights.setTtl(ttlMs),
  }
}

function servingMetrics(metrics: SupernodeMetrics): ServingMetrics {
  return {
    countPull: ({ kind, status }) => metrics.redirected(kind, status),
    countRight() {},
    countReceived: (_, bytes) => metrics.readDirectly(bytes),
    countError: (_, code) => metrics.failed('redirect', code),
  }
}
