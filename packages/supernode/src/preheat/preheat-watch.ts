import type { Logger, Metrics } from '@df/kit'
import { itemState, type Job } from './job.ts'
import type { PreheatWatch } from './preheats.ts'

const states: readonly Job['state'][] = ['running', 'complete', 'failed']

/** What becomes of preheats, to metrics and the log: a line for each job's begin and end and for each item that failed. */
export function preheatWatch(
  metrics: Metrics,
  logger: Logger,
  count: (state: Job['state']) => number,
): PreheatWatch {
  const items = metrics.counter('preheat_items_total', 'Contents of preheats, by how they ended', [
    'state',
  ])
  const bytes = metrics.counter(
    'preheat_bytes_total',
    'Bytes of contents that preheats made complete',
  )
  for (const state of states) {
    metrics.gauge(`preheats_${state}`, `Preheats kept that are ${state}`, [], () => count(state))
  }
  return {
    started({ id, subjects, hosts }) {
      logger.info({ preheat: id, subjects: subjects.length, hosts: hosts.length }, 'preheat begins')
    },
    itemEnded(job, index) {
      const item = job.items[index]
      if (item === undefined) return
      const state = itemState(item)
      items.inc({ state })
      if (state === 'complete') {
        bytes.inc(item.contentLength ?? 0)
        return
      }
      const error = item.seedError ?? Object.values(item.hostErrors)[0]
      const { task, of } = item
      logger.warn(
        { preheat: job.id, task, of, code: error?.code, reason: error?.message },
        'a content cannot be preheated',
      )
    },
    cancelled({ id }) {
      logger.info({ preheat: id }, 'preheat was cancelled')
    },
    ended({ id, state, items: all, createdAtMs, finishedAtMs, errors }) {
      const failed = all.filter((item) => itemState(item) === 'failed').length
      const tookMs = (finishedAtMs ?? createdAtMs) - createdAtMs
      logger.info(
        { preheat: id, state, items: all.length, failed, errors: errors.length, tookMs },
        'preheat has ended',
      )
    },
  }
}
