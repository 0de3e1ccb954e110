import { AppError, type BytesBySource, isAppError, toAppError } from '@df/proto'
import { isNotModified, notModified, wholeHead } from './blob-response.ts'
import { type Confirmation, confirmRight } from './confirm.ts'
import type { ContentEngine, ContentOrigin, OpenContent } from './content-engine.ts'
import { callerIdentity, fieldValue } from './headers.ts'
import type { BlobPull, BlobServices } from './pull.ts'
import type { RegistryAnswer } from './registry-client.ts'
import { sendDirect } from './send-direct.ts'
import { sendTask } from './send-task.ts'

/**
 * Answers a pull of a blob: through the engine, and past it where the engine cannot.
 * @throws AppError, or the reason of the exchange's signal, when nothing was sent yet or the connection must be cut
 */
export async function serveBlob(pull: BlobPull, services: BlobServices): Promise<void> {
  const { exchange, what, method } = pull
  const stored = method === 'HEAD' ? services.engine.storedSize(what.digest) : undefined
  const sizeNeeded = method === 'HEAD' && stored === undefined
  const right = await confirmRight(pull, { ...services, sizeNeeded })
  services.metrics.countRight(right.kind === 'refused' ? 'refused' : right.how)
  if (right.kind === 'refused') return passRefusal(pull, right, services)
  if (isNotModified(exchange.request.headers, what.digest)) {
    return exchange.sendWhole(notModified(what.digest))
  }
  if (method === 'HEAD') {
    const { status, headers } = wholeHead(what.digest, stored ?? right.size)
    return exchange.sendWhole({ status, headers, body: Buffer.alloc(0) })
  }
  const isMended =
    !isResumption(exchange.request.headers.range) &&
    services.engine.storedSize(what.digest) !== undefined
  if (services.wrongBlobs.has(what.digest) && !isMended) {
    throw new AppError('BLOB_UNAVAILABLE', 'what came of this blob a moment ago was wrong')
  }
  try {
    await sendBlob(pull, services)
  } catch (error) {
    if (isAppError(error, 'CONTENT_DIGEST_MISMATCH')) services.wrongBlobs.add(what.digest)
    throw error
  }
}

async function sendBlob(pull: BlobPull, services: BlobServices): Promise<void> {
  const task = await openTask(pull, services.engine)
  if (!isAppError(task)) return serveTask(pull, task, services)
  services.onRescue(pull, task, 0)
  await sendDirect(pull, task, services)
}

/** Asks for what lies behind bytes that the caller has already. */
function isResumption(range: string | undefined): boolean {
  return /^bytes=0*[1-9]\d*-$/.test(range ?? '')
}

async function serveTask(pull: BlobPull, task: OpenContent, services: BlobServices): Promise<void> {
  const { received: before, startedAtMs } = task.snapshot()
  const isNew = startedAtMs >= Date.now() - pull.exchange.elapsedMs()
  try {
    await sendTask(pull, task, services)
  } catch (error) {
    if (!isAppError(error, 'CONTENT_DIGEST_MISMATCH')) throw error
    await services.engine.forget(task.task)
    if (pull.exchange.headSent) throw error
    services.onRescue(pull, error, 0)
    await sendDirect(pull, error, services)
  } finally {
    const { received: now } = task.snapshot()
    task.close()
    pull.received = isNew ? now : difference(now, before)
  }
}

/** The open task, or why there is none. @throws the reason of the exchange's signal */
async function openTask(pull: BlobPull, engine: ContentEngine): Promise<OpenContent | AppError> {
  const { exchange, what } = pull
  const opening = engine.open({
    identity: { kind: 'blob', digest: what.digest },
    source: sourceOf(pull),
    signal: exchange.signal,
  })
  try {
    return await exchange.opened(opening)
  } catch (error) {
    exchange.signal.throwIfAborted()
    return toAppError(error)
  }
}

function sourceOf({ upstream, path, fields, credential }: BlobPull): ContentOrigin {
  const source = { url: upstream.base + path, headers: callerIdentity(fields) }
  if (credential.kind === 'header') return source
  // The digest names the content: whatever stands in the query may be part of the right.
  return { ...source, filterQuery: [...new URLSearchParams(credential.query).keys()] }
}

/** Passes the registry's refusal on. After a HEAD its words are not known: the caller's own GET brings them. */
async function passRefusal(
  pull: BlobPull,
  { answer, asked }: Confirmation & { kind: 'refused' },
  services: BlobServices,
): Promise<void> {
  try {
    if (pull.method === asked || pull.method === 'HEAD') return await pull.exchange.send(answer)
  } finally {
    answer.discard()
  }
  await sendDirect(pull, refusalError(answer), services)
}

function refusalError({ status, headers }: RegistryAnswer): AppError {
  const retryAfter = fieldValue(headers, 'retry-after')
  const code = status === 429 ? 'ORIGIN_RATE_LIMITED' : 'ORIGIN_FORBIDDEN'
  const detail = { status, ...(retryAfter === undefined ? {} : { retryAfter }) }
  return new AppError(code, `the registry answered ${status}`, { detail })
}

function difference(now: BytesBySource, before: BytesBySource): BytesBySource {
  return {
    peers: now.peers - before.peers,
    seed: now.seed - before.seed,
    origin: now.origin - before.origin,
  }
}
