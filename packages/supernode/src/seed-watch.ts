import type { Logger } from '@df/kit'
import type { SupernodeMetrics } from './metrics.ts'
import { efficiencyOf, type SwarmRates } from './swarm/efficiency.ts'
import type { SeedWatch } from './swarm/swarm.ts'

/** What seeds and swarms do, to metrics and the log. */
export function seedWatch(metrics: SupernodeMetrics, rates: SwarmRates, logger: Logger): SeedWatch {
  return {
    read: ({ identity }, bytes) => metrics.originRead(identity, bytes),
    firstByte({ task, url }, afterMs) {
      metrics.firstByte(afterMs / 1000)
      logger.info({ task, url, afterMs: Math.round(afterMs) }, 'origin is being read')
    },
    stored: ({ identity }, bytes) => metrics.pieceStored(identity, bytes),
    failed({ task, url }, error) {
      metrics.failed('seed', error.code)
      logger.warn({ task, url, code: error.code, err: error }, 'content cannot be had')
    },
    complete({ task, url, originBytes }) {
      logger.info({ task, url, originBytes }, 'content is complete and checked')
    },
    rested({ ledger, content }) {
      metrics.swarmRested(efficiencyOf(ledger, content?.geometry.contentLength, rates))
    },
  }
}
