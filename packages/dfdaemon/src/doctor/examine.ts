import { setTimeout as delay } from 'node:timers/promises'
import { toAppError } from '@df/proto'
import { type Check, type DoctorContext, type Finding, failure, skipped } from './check.ts'

/** A finding, and the check that made it. */
export type Diagnosis = Finding & { readonly check: string }

/** Runs all checks at once. What is not done when the time is over is skipped, and no check fails the others. */
export async function examine(
  checks: readonly Check[],
  context: DoctorContext,
  timeoutMs: number,
): Promise<Diagnosis[]> {
  const ended = new AbortController()
  const tooLate = delay(timeoutMs, [skipped(`not done within ${timeoutMs / 1000} s`)], {
    signal: ended.signal,
  })
  const found = checks.map(async (check) => {
    const findings = await Promise.race([check.run(context).catch(broken), tooLate])
    return findings.map((finding) => ({ check: check.name, ...finding }))
  })
  const all = await Promise.all(found)
  ended.abort()
  await tooLate.catch(() => {}) // only its timer is ended
  return all.flat()
}

function broken(error: unknown): Finding[] {
  const { message } = toAppError(error)
  return [failure(`the check itself failed: ${message}`, 'report this as a bug of dfdaemon doctor')]
}
