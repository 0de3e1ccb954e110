import { parseRangeHeader } from '@df/codec'
import type { AppError } from '@df/proto'
import { partHead, requestedRange, unsatisfiable, wholeHead } from './blob-response.ts'
import { rememberRight } from './confirm.ts'
import { gateByDigest } from './digest-gate.ts'
import { type DirectAnswer, openDirect, slice } from './direct-source.ts'
import type { BlobPull, BlobServices } from './pull.ts'

/** The registry is not asked any more when less than this is left of the silence allowed. */
const MIN_BUDGET_MS = 300

/** Time for asking the registry directly, or undefined when there is none left. */
export function directBudgetMs(pull: Pick<BlobPull, 'exchange'>): number | undefined {
  const budgetMs = pull.exchange.leftMs() - MIN_BUDGET_MS
  return budgetMs < MIN_BUDGET_MS ? undefined : budgetMs
}

/**
 * Answers the pull with what the registry says to the caller itself.
 * @throws `reason` when the registry asks to slow down or no time is left; AppError ORIGIN_*, CONTENT_DIGEST_MISMATCH
 */
export async function sendDirect(
  pull: BlobPull,
  reason: AppError,
  services: BlobServices,
): Promise<void> {
  const { exchange, what } = pull
  const budgetMs = directBudgetMs(pull)
  if (budgetMs === undefined || reason.code === 'ORIGIN_RATE_LIMITED') throw reason
  const range = requestedRange(exchange.request.headers, what.digest)
  const answer = await openDirect(pull, { ...services, range, budgetMs })
  if (answer.kind === 'refused') {
    return exchange.send(answer.answer).finally(() => answer.answer.discard())
  }
  rememberRight(pull, services.rights, answer)
  if (answer.kind === 'unsatisfiable') {
    return exchange.sendWhole(unsatisfiable(what.digest, answer.size))
  }
  if (answer.kind === 'part') return sendPart(pull, answer)
  return sendWhole(pull, answer, range)
}

async function sendPart(
  { exchange, what: { digest } }: BlobPull,
  { range, body }: DirectAnswer & { kind: 'part' },
): Promise<void> {
  const isWhole = range.start === 0 && range.end === range.size
  await exchange.send({
    ...partHead(digest, range, range.size),
    body: isWhole ? gateByDigest(body, digest, range.size) : body,
  })
}

/** The registry sent all of it, though a part may have been asked for. */
async function sendWhole(
  { exchange, what: { digest } }: BlobPull,
  { size, body }: DirectAnswer & { kind: 'whole' },
  range: string | undefined,
): Promise<void> {
  const part = size === undefined ? undefined : parseRangeHeader(range, size)
  if (size === undefined || part === undefined || part === 'unsatisfiable') {
    return exchange.send({ ...wholeHead(digest, size), body: gateByDigest(body, digest, size) })
  }
  await exchange.send({ ...partHead(digest, part, size), body: slice(body, part.start, part.end) })
}
