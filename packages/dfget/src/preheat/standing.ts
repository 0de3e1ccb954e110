import {
  AppError,
  isErrorCode,
  type PreheatError,
  type PreheatItem,
  type PreheatJob,
} from '@df/proto'

/** How far a job is. Bytes are counted at the SuperNode and at every host that gets them. */
export interface PreheatStanding {
  bytes: number
  /** Unknown until every length is. */
  totalBytes: number | undefined
  items: number
  complete: number
  failed: number
}

export function standingOf({ items, totals }: PreheatJob): PreheatStanding {
  let bytes = 0
  let totalBytes = 0
  for (const { contentLength, seed, hosts } of items) {
    for (const place of [seed, ...hosts]) {
      bytes += place.state === 'complete' ? (contentLength ?? place.haveBytes) : place.haveBytes
      totalBytes += contentLength ?? 0
    }
  }
  const isKnown = totals.bytes !== null && items.length > 0
  const { complete, failed } = totals
  return {
    bytes,
    totalBytes: isKnown ? totalBytes : undefined,
    items: totals.items,
    complete,
    failed,
  }
}

/** Something of a job that failed: which image or URL, and why. */
interface PreheatFailure {
  of: string
  error: PreheatError
}

/** What failed, in the order of the job, each reason once for each image or URL. */
function failuresOf({ errors, items }: PreheatJob): PreheatFailure[] {
  const found = [...errors, ...items.flatMap(itemFailures)]
  const distinct = new Map(
    found.map((failure) => [
      `${failure.of}\n${failure.error.code}\n${failure.error.message}`,
      failure,
    ]),
  )
  return [...distinct.values()]
}

function itemFailures({ of, error, hosts }: PreheatItem): PreheatFailure[] {
  const atHosts = hosts.flatMap(({ host, error: failed }) =>
    failed === null
      ? []
      : [{ of, error: { ...failed, message: `host ${host}: ${failed.message}` } }],
  )
  if (atHosts.length > 0) return atHosts
  return error === null ? [] : [{ of, error }]
}

/** What a job that did not end well ends the command with, the first deciding the exit code; none when it is complete. */
export function jobErrors(job: PreheatJob): AppError[] {
  if (job.state === 'complete') return []
  const errors = failuresOf(job).map(({ of, error: { code, message, hint } }) => {
    const options = hint === undefined ? {} : { hint }
    return new AppError(isErrorCode(code) ? code : 'INTERNAL', `${of}: ${message}`, options)
  })
  return errors.length > 0
    ? errors
    : [new AppError('INTERNAL', `preheat ${job.id} is ${job.state}`)]
}
