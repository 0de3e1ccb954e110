import type { TokenBucket } from '@df/kit'
import type { TaskId } from '@df/proto'
import type { DownloadDeps } from './download-deps.ts'
import type { KnownRates } from './task-floor.ts'

/** What is known now of the rates that a task of this host depends on. */
export function knownRates(
  { link, pool, now }: Pick<DownloadDeps, 'link' | 'pool' | 'now'>,
  task: TaskId,
  limits: readonly TokenBucket[],
): KnownRates {
  const set = limits.map(({ bps }) => bps).filter((bps) => bps > 0)
  return {
    limitBps: set.length === 0 ? undefined : Math.min(...set),
    seenBps: link.downBps(now()),
    seedBps: pool.sessionOf(task)?.seedBps,
  }
}
