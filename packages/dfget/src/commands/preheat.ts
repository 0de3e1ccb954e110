import { Keychain } from '@df/oci'
import { AppError, errorInfo, type PreheatJob, type PreheatRequest, toAppError } from '@df/proto'
import type { CommandContext } from '../command-context.ts'
import { Interruption } from '../interruption.ts'
import { findCredentials, refusePlainLink } from '../preheat/credentials.ts'
import { follow } from '../preheat/follow.ts'
import type { PreheatClient } from '../preheat/preheat-client.ts'
import {
  createPreheatJsonReporter,
  createPreheatTextReporter,
  type PreheatReporter,
} from '../preheat/preheat-reporter.ts'
import { jobErrors, standingOf } from '../preheat/standing.ts'
import { errorLine } from '../progress/lines.ts'
import { RateMeter } from '../progress/rate-meter.ts'
import { type Operands, usage } from './command-line.ts'
import { openPreheatClient } from './open-preheat-client.ts'
import { type PreheatOptions, parsePreheatOptions } from './preheat-options.ts'
import { TimeLimit } from './time-limit.ts'

const MAX_PASSWORD_BYTES = 32_768

/**
 * `dfget preheat IMAGE… | URL…`: orders a preheat and follows it. Gives the exit code: that of the first thing that
 * failed.
 * @throws AppError USAGE and others for a wrong command line; an Interruption, the preheat going on
 */
export async function preheat(line: Operands, context: CommandContext): Promise<number> {
  const options = parsePreheatOptions(line)
  const { stdout, stderr } = context
  const reporter = options.json
    ? createPreheatJsonReporter(stdout)
    : createPreheatTextReporter(stderr, { quiet: !options.progress })
  const errors = await carryOut(options, reporter, context)
  const [first] = errors
  if (first === undefined) return 0
  reporter.failed(errors)
  if (options.json) stderr.write(`${errorLine(first)}\n`)
  return errorInfo(first.code).exit
}

/** Gives what went wrong. @throws an Interruption */
async function carryOut(
  options: PreheatOptions,
  reporter: PreheatReporter,
  context: CommandContext,
): Promise<AppError[]> {
  const limit = new TimeLimit(options.timeoutMs, context.signal)
  const scope = { ...context, signal: limit.signal }
  let client: PreheatClient | undefined
  let ordered: PreheatJob | undefined
  try {
    client = await openPreheatClient(options, scope, (text) => reporter.note(text))
    const request = await requestOf(options, scope, reporter)
    ordered = await client.order(request)
    // In place of all else, for scripts: they go on with the id.
    if (!options.wait && !options.json) context.stdout.write(`${ordered.id}\n`)
    else reporter.ordered(ordered)
    if (!options.wait) return []
    const job = await followTo(ordered, { client, request, reporter, signal: limit.signal })
    const errors = jobErrors(job)
    if (errors.length === 0) reporter.done(job)
    return errors
  } catch (error) {
    if (error instanceof Interruption) {
      if (ordered !== undefined) reporter.note(`dfget: ${error.message}; ${goesOn(ordered)}`)
      throw error
    }
    return [ordered === undefined ? toAppError(error) : leftRunning(toAppError(error), ordered)]
  } finally {
    limit.stop()
    await client?.close()
  }
}

interface Following {
  client: PreheatClient
  /** Credentials included: a SuperNode that was started again has lost them. */
  request: PreheatRequest
  reporter: PreheatReporter
  signal: AbortSignal
}

function followTo(
  job: PreheatJob,
  { client, request, reporter, signal }: Following,
): Promise<PreheatJob> {
  const meter = new RateMeter()
  const startedAtMs = performance.now()
  const told = new Set<string>()
  let toldAtMs = Number.NEGATIVE_INFINITY
  return follow(job, {
    ask: () => client.job(job.id),
    // The same request is the same job, which takes the credentials.
    remind: () => client.order(request),
    onJob(now) {
      for (const item of now.items) {
        const key = `${item.of}\n${item.platform}\n${item.task}`
        const isEnded = item.state === 'complete' || item.state === 'failed'
        if (!isEnded || told.has(key)) continue
        told.add(key)
        reporter.ended(item)
      }
      const atMs = performance.now()
      const standing = standingOf(now)
      const rateBps = meter.sample(atMs, standing.bytes)
      // Before it is known what an image has there is nothing to tell.
      if (now.items.length === 0 || atMs - toldAtMs < reporter.everyMs) return
      toldAtMs = atMs
      reporter.progress({ ...standing, rateBps, elapsedMs: atMs - startedAtMs })
    },
    onReach(isReached) {
      reporter.note(
        isReached
          ? 'dfget: the SuperNode answers again'
          : 'dfget: the SuperNode does not answer; asking on',
      )
    },
    signal,
    now: () => performance.now(),
  })
}

/** What ends the command before the job, in words about the job. */
function leftRunning(error: AppError, job: PreheatJob): AppError {
  if (error.code === 'TASK_NOT_FOUND') {
    return new AppError('TASK_DELETED', `preheat ${job.id} was cancelled`, { cause: error })
  }
  if (error.code !== 'TIMEOUT' && error.code !== 'SUPERNODE_UNREACHABLE') return error
  return new AppError(error.code, error.message, { cause: error, hint: goesOn(job) })
}

function goesOn({ id }: PreheatJob): string {
  return `the preheat goes on; dfget preheat show ${id} tells how, dfget preheat cancel ${id} ends it`
}

async function requestOf(
  options: PreheatOptions,
  context: CommandContext,
  reporter: PreheatReporter,
): Promise<PreheatRequest> {
  const { request, images, username, supernodeUrl } = options
  if (options.hasUrlCredentials) refusePlainLink(supernodeUrl, '--header or a signed URL')
  if (username !== undefined) {
    refusePlainLink(supernodeUrl, '--username')
    const password = await readPassword(context)
    const registry = images[0]?.registry ?? ''
    return { ...request, credentials: { [registry]: { username, password } } }
  }
  const note = (text: string) => reporter.note(text)
  const { env, uid, signal } = context
  const keychain = new Keychain({
    env,
    uid,
    signal,
    onHelperFailed: (error) => note(`${errorLine(error)}; going on without it`),
  })
  const credentials = await findCredentials({ images, keychain, supernodeUrl, note })
  return Object.keys(credentials).length === 0 ? request : { ...request, credentials }
}

/** All of standard input, without the line's end that `echo` adds. @throws AppError USAGE */
async function readPassword({ stdin }: CommandContext): Promise<string> {
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  for await (const part of stdin) {
    sizeBytes += part.length
    if (sizeBytes > MAX_PASSWORD_BYTES) throw usage('--password-stdin: that is no password')
    parts.push(part)
  }
  const password = Buffer.concat(parts)
    .toString()
    .replace(/\r?\n$/, '')
  if (password !== '') return password
  throw usage('--password-stdin: standard input is empty', 'dfget … --password-stdin < FILE')
}
