import { type ByteRange, parseRangeHeader } from '@df/codec'
import { AppError, isAppError, toAppError } from '@df/proto'
import { partHead, requestedRange, unsatisfiable, wholeHead } from './blob-response.ts'
import type { OpenContent } from './content-engine.ts'
import { gateByDigest } from './digest-gate.ts'
import { directRest } from './direct-source.ts'
import { LentBuffers } from './lent-buffers.ts'
import type { BlobPull, BlobServices } from './pull.ts'
import { directBudgetMs } from './send-direct.ts'

/**
 * Answers the pull with the content of an open task, while it arrives. When the engine cannot go on, the rest is
 * read from the registry.
 * @throws AppError; CONTENT_DIGEST_MISMATCH when the content of the task is wrong
 */
export async function sendTask(
  pull: BlobPull,
  task: OpenContent,
  services: BlobServices,
): Promise<void> {
  const { exchange, what } = pull
  const { digest } = what
  const size = task.contentLength
  const part = parseRangeHeader(requestedRange(exchange.request.headers, digest), size)
  if (part === 'unsatisfiable') return exchange.sendWhole(unsatisfiable(digest, size))
  const range = part ?? { start: 0, end: size }
  const buffers = new LentBuffers(services.buffers)
  const bytes = rescuedBytes({ pull, task, range, services, buffers })
  const isWhole = range.start === 0 && range.end === size
  await exchange.send({
    ...(part === undefined ? wholeHead(digest, size) : partHead(digest, part, size)),
    body: isWhole ? gateByDigest(bytes, digest, size) : bytes,
    onSent: (chunk) => buffers.giveBack(chunk),
  })
}

interface RescuedBytesOptions {
  pull: BlobPull
  task: OpenContent
  range: ByteRange
  services: BlobServices
  buffers: LentBuffers
}

/** The engine's bytes, and from where it fails on the registry's. */
async function* rescuedBytes({
  pull,
  task,
  range: { start, end },
  services,
  buffers,
}: RescuedBytesOptions): AsyncGenerator<Buffer, void, undefined> {
  const { signal } = pull.exchange
  let at = start
  let failure: AppError
  try {
    for await (const chunk of task.read({ start, end }, signal, buffers)) {
      yield chunk
      at += chunk.length
    }
    if (at >= end) return
    failure = new AppError('INTERNAL', 'the engine ended early')
  } catch (error) {
    signal.throwIfAborted()
    failure = toAppError(error)
    services.metrics.countError('engine', failure.code)
  }
  const budgetMs = directBudgetMs(pull)
  const isPastRescue = isAppError(failure, 'CONTENT_DIGEST_MISMATCH') && at > start
  if (budgetMs === undefined || isPastRescue) throw failure
  services.onRescue(pull, failure, at)
  yield* await directRest(pull, { start: at, end }, { ...services, budgetMs })
}
