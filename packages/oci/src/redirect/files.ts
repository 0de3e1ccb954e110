import { formatContentRange, formatUnsatisfiedRange, parseRangeHeader } from '@df/codec'
import { canonicalUrl, toAppError } from '@df/proto'
import type { OpenContent } from '../serving/content-engine.ts'
import { counted } from '../serving/direct-source.ts'
import type { StreamedAnswer } from '../serving/exchange.ts'
import { callerIdentity } from '../serving/headers.ts'
import { LentBuffers } from '../serving/lent-buffers.ts'
import type { BlobServices, Pull } from '../serving/pull.ts'

/** A GET or HEAD of a file that no digest names. */
export interface FilePull extends Omit<Pull, 'what'> {
  /** Query parameters that do not decide the content, besides known signatures. */
  filterQuery: readonly string[]
}

/**
 * Answers the pull of a file: through the engine, which asks the origin each time, with the caller's query, whether the
 * caller may have it and whether it is still the same; past the engine where that cannot help.
 * @throws AppError, or the reason of the exchange's signal, when nothing was sent yet or the connection must be cut
 */
export async function serveFile(pull: FilePull, services: BlobServices): Promise<void> {
  const task = pull.method === 'HEAD' ? undefined : await openTask(pull, services)
  if (task === undefined) return passOn(pull, services)
  try {
    await sendFile(pull, task, services)
  } finally {
    pull.received = task.snapshot().received
    task.close()
  }
}

async function openTask(
  { exchange, upstream, path, fields, filterQuery }: FilePull,
  { engine, metrics }: BlobServices,
): Promise<OpenContent | undefined> {
  const url = upstream.base + path
  const opening = engine.open({
    identity: { kind: 'url', canonicalUrl: canonicalUrl(url, { filterQuery }) },
    source: { url, headers: callerIdentity(fields), filterQuery },
    confirm: true,
    signal: exchange.signal,
  })
  try {
    return await exchange.opened(opening)
  } catch (error) {
    exchange.signal.throwIfAborted()
    metrics.countError('engine', toAppError(error).code)
    return undefined
  }
}

async function sendFile(
  { exchange }: FilePull,
  task: OpenContent,
  { buffers: pool }: BlobServices,
): Promise<void> {
  const size = task.contentLength
  // Nobody has a validator of ours: a condition cannot hold, so the whole file is sent (RFC 9110 §13.1.5).
  const { range, 'if-range': condition } = exchange.request.headers
  const part = condition === undefined ? parseRangeHeader(range, size) : undefined
  if (part === 'unsatisfiable') {
    const headers = { 'content-range': formatUnsatisfiedRange(size), 'content-length': '0' }
    return exchange.sendWhole({ status: 416, headers, body: Buffer.alloc(0) })
  }
  const { start, end } = part ?? { start: 0, end: size }
  const buffers = new LentBuffers(pool)
  const answer: StreamedAnswer = {
    status: part === undefined ? 200 : 206,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(end - start),
      'accept-ranges': 'bytes',
      ...(part && { 'content-range': formatContentRange(start, end, size) }),
    },
    body: task.read({ start, end }, exchange.signal, buffers),
    onSent: (chunk) => buffers.giveBack(chunk),
  }
  await exchange.send(answer)
}

/** The origin's own answer to the caller's own question. */
async function passOn(pull: FilePull, { registry, metrics }: BlobServices): Promise<void> {
  const { exchange, method, upstream, path, fields } = pull
  const { range, 'if-range': condition } = exchange.request.headers
  const answer = await registry.ask({
    upstream,
    method,
    path,
    headers: {
      ...fields,
      'accept-encoding': 'identity',
      ...(range === undefined ? {} : { range }),
      ...(condition === undefined ? {} : { 'if-range': condition }),
    },
    budgetMs: exchange.leftMs(),
    signal: exchange.signal,
  })
  const body = counted(answer.body, (bytes) => {
    pull.directBytes += bytes
    metrics.countReceived('direct', bytes)
  })
  await exchange.send({ ...answer, body }).finally(() => answer.discard())
}
