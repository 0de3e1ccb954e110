import { sleep } from '@df/kit'
import { isAppError, type PreheatJob } from '@df/proto'

const FIRST_POLL_MS = 100
const POLL_MS = 500
/** So many times as long as an answer took, the SuperNode is left alone. */
const REST_FACTOR = 4
const MAX_POLL_MS = 5000
/** A SuperNode that restarts is back sooner. */
const GIVE_UP_AFTER_MS = 60_000

export interface FollowOptions {
  /** What the SuperNode says of the job now. @throws AppError */
  ask(): Promise<PreheatJob>
  /** The SuperNode was away and may have forgotten what it does not store; the job still runs. @throws AppError */
  remind(): Promise<PreheatJob>
  onJob(job: PreheatJob): void
  /** Told when the SuperNode does not answer, and when it does again. */
  onReach(isReached: boolean): void
  signal: AbortSignal
  now(): number
}

/**
 * Follows a job until nothing of it runs any more, over restarts of its SuperNode too.
 * @throws AppError what the SuperNode answers, SUPERNODE_UNREACHABLE when it is away for a minute; the signal's reason
 */
export async function follow(first: PreheatJob, options: FollowOptions): Promise<PreheatJob> {
  let job = first
  let pauseMs = FIRST_POLL_MS
  let awaySinceMs: number | undefined
  options.onJob(job)
  while (job.state === 'running') {
    await sleep(pauseMs, options.signal)
    const askedAtMs = options.now()
    let restMs = 0
    try {
      job = await options.ask()
      if (awaySinceMs !== undefined) {
        options.onReach(true)
        if (job.state === 'running') job = await options.remind()
      }
      awaySinceMs = undefined
      options.onJob(job)
      restMs = REST_FACTOR * (options.now() - askedAtMs)
    } catch (error) {
      if (!isAppError(error, 'SUPERNODE_UNREACHABLE')) throw error
      if (awaySinceMs === undefined) options.onReach(false)
      awaySinceMs ??= askedAtMs
      if (askedAtMs - awaySinceMs > GIVE_UP_AFTER_MS) throw error
    }
    pauseMs = Math.min(MAX_POLL_MS, Math.max(restMs, Math.min(POLL_MS, 2 * pauseMs)))
  }
  return job
}
