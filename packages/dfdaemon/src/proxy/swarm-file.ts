import { formatContentRange, parseContentRange, parseRangeHeader } from '@df/codec'
import type { Engine, OpenTask } from '@df/dfget'
import {
  type BlobServices,
  callerIdentity,
  counted,
  directBudgetMs,
  fieldValue,
  type HeaderFields,
  LentBuffers,
  type Pull,
  slice,
} from '@df/oci'
import { AppError, canonicalUrl, toAppError } from '@df/proto'
import { type Shareable, shareableOf } from './shareable.ts'

/** A GET of any URL. */
export type FilePull = Omit<Pull, 'what'>

/** What files are served with. */
export interface FileServices extends Pick<BlobServices, 'registry' | 'buffers' | 'metrics'> {
  engine: Engine
}

/** What is sent of it: bytes [start, end), as a part or as all. */
interface Wanted {
  status: 200 | 206
  start: number
  end: number
}

/**
 * Answers a GET from the swarm as its origin would: its status, its fields, ranges. The origin is asked for the head of
 * its answer first, with the caller's own fields, so that it decides who may have the content and of what state it is.
 * Gives undefined when it was answered so; else why the origin must be asked for all, and nothing was sent.
 * @throws AppError, or the reason of the exchange's signal, when the connection must be cut
 */
export async function serveFromSwarm(
  pull: FilePull,
  services: FileServices,
): Promise<AppError | undefined> {
  const { exchange, upstream, path, fields } = pull
  try {
    const { range: _, 'if-range': __, ...asked } = fields
    const head = await services.registry.ask({
      upstream,
      method: 'HEAD',
      path,
      headers: { ...asked, 'accept-encoding': 'identity' },
      budgetMs: exchange.leftMs(),
      signal: exchange.signal,
    })
    head.discard()
    const file = shareableOf(head)
    const wanted = file && wantedOf(exchange.request.headers, file)
    if (file === undefined || wanted === undefined) {
      return new AppError('BLOB_UNAVAILABLE', 'the answer is not one for everybody')
    }
    const task = await openTask(pull, services)
    try {
      if (task.generation !== file.generation) {
        return new AppError('CONTENT_CHANGED', 'the origin has another state than the swarm')
      }
      await send({ pull, services, task, file, wanted, headers: head.headers })
      return undefined
    } finally {
      pull.received = task.snapshot().received
      task.close()
    }
  } catch (error) {
    if (exchange.headSent || exchange.callerLeft) throw error
    const failure = toAppError(error)
    services.metrics.countError('engine', failure.code)
    return failure
  }
}

/** The part that the caller wants, or undefined when only the origin itself knows what to say. */
function wantedOf(
  { range, 'if-range': condition }: Record<string, string | string[] | undefined>,
  { sizeBytes, etag, takesRanges }: Shareable,
): Wanted | undefined {
  const whole: Wanted = { status: 200, start: 0, end: sizeBytes }
  if (typeof range !== 'string') return whole
  if (!takesRanges) return undefined
  // Only a strong tag names bytes (RFC 9110 §13.1.5).
  if (condition !== undefined && (condition !== etag || etag.startsWith('W/'))) return undefined
  const part = parseRangeHeader(range, sizeBytes)
  return part === undefined || part === 'unsatisfiable' ? undefined : { status: 206, ...part }
}

async function openTask(
  { exchange, upstream, path, fields }: FilePull,
  { engine }: FileServices,
): Promise<OpenTask> {
  const url = upstream.base + path
  const opening = engine.open({
    identity: { kind: 'url', canonicalUrl: canonicalUrl(url) },
    source: { url, headers: callerIdentity(fields) },
    confirm: true,
    signal: exchange.signal,
  })
  return await exchange.opened(opening)
}

interface Sending {
  pull: FilePull
  services: FileServices
  task: OpenTask
  file: Shareable
  wanted: Wanted
  /** The origin's. */
  headers: HeaderFields
}

async function send(sending: Sending): Promise<void> {
  const { pull, services, file, wanted, headers } = sending
  const { status, start, end } = wanted
  const buffers = new LentBuffers(services.buffers)
  await pull.exchange.send({
    status,
    headers: {
      ...headers,
      'content-length': String(end - start),
      ...(status === 206 && { 'content-range': formatContentRange(start, end, file.sizeBytes) }),
    },
    body: rescuedBytes(sending, buffers),
    onSent: (chunk) => buffers.giveBack(chunk),
  })
}

/** The engine's bytes, and from where it fails on the origin's, if it still has the same. */
async function* rescuedBytes(
  { pull, services, task, file, wanted }: Sending,
  buffers: LentBuffers,
): AsyncGenerator<Buffer, void, undefined> {
  const { signal } = pull.exchange
  let at = wanted.start
  try {
    for await (const chunk of task.read(wanted, signal, buffers)) {
      yield chunk
      at += chunk.length
    }
  } catch (error) {
    signal.throwIfAborted()
    const failure = toAppError(error)
    services.metrics.countError('engine', failure.code)
    yield* await rest(pull, services, { ...file, at, end: wanted.end, failure })
  }
}

async function rest(
  pull: FilePull,
  { registry, metrics }: FileServices,
  { at, end, etag, failure }: Shareable & { at: number; end: number; failure: AppError },
): Promise<AsyncIterable<Buffer>> {
  const budgetMs = directBudgetMs(pull)
  // Without a strong tag nobody could tell whether it is the rest of the same.
  if (budgetMs === undefined || etag === undefined || etag.startsWith('W/')) throw failure
  const { exchange, upstream, path, fields } = pull
  const answer = await registry.ask({
    upstream,
    method: 'GET',
    path,
    headers: {
      ...fields,
      'accept-encoding': 'identity',
      range: `bytes=${at}-${end - 1}`,
      'if-range': etag,
    },
    budgetMs,
    signal: exchange.signal,
  })
  const part = parseContentRange(fieldValue(answer.headers, 'content-range'))
  if (answer.status !== 206 || part?.start !== at || fieldValue(answer.headers, 'etag') !== etag) {
    answer.discard()
    throw failure
  }
  const body = counted(answer.body, (bytes) => {
    pull.directBytes += bytes
    metrics.countReceived('direct', bytes)
  })
  return slice(body, 0, end - at)
}
