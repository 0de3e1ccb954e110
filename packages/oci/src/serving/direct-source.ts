import { type ContentRange, parseContentRange } from '@df/codec'
import { AppError } from '@df/proto'
import type { ServingMetrics } from './content-engine.ts'
import { fieldValue, type HeaderFields } from './headers.ts'
import type { BlobPull } from './pull.ts'
import {
  announcedLength,
  isRefusal,
  type RegistryAnswer,
  type RegistryClient,
} from './registry-client.ts'

/** What the registry's own answer means, and its fields. */
export type DirectAnswer = Meaning & { headers: HeaderFields }

type Meaning =
  /** The body is the whole blob. */
  | { kind: 'whole'; size: number | undefined; body: AsyncIterable<Buffer> }
  /** The body is this part of the blob. */
  | { kind: 'part'; range: ContentRange; body: AsyncIterable<Buffer> }
  | { kind: 'unsatisfiable'; size: number }
  | { kind: 'refused'; answer: RegistryAnswer }

export interface DirectOptions {
  registry: RegistryClient
  /** A `Range` field value. */
  range: string | undefined
  /** Time until the registry's headers. */
  budgetMs: number
  metrics: ServingMetrics
}

/**
 * The blob straight from the registry, past the engine: the caller's own request, so the registry itself decides
 * on rights.
 * @throws AppError ORIGIN_* when there is no usable answer
 */
export async function openDirect(pull: BlobPull, options: DirectOptions): Promise<DirectAnswer> {
  const { exchange, upstream, path } = pull
  const { registry, range, budgetMs } = options
  const { 'if-none-match': _, 'if-modified-since': __, ...fields } = pull.fields
  const answer = await registry.ask({
    upstream,
    method: 'GET',
    path,
    headers: {
      ...fields,
      'accept-encoding': 'identity',
      ...(range === undefined ? {} : { range }),
    },
    budgetMs,
    signal: exchange.signal,
  })
  const { headers } = answer
  if (isRefusal(answer.status)) return { kind: 'refused', headers, answer }
  const body = counted(answer.body, (bytes) => {
    pull.directBytes += bytes
    options.metrics.countReceived('direct', bytes)
  })
  const contentRange = fieldValue(headers, 'content-range')
  if (answer.status === 200) return { kind: 'whole', headers, size: announcedLength(answer), body }
  if (answer.status === 206 && range !== undefined) {
    const part = parseContentRange(contentRange)
    if (part !== undefined) return { kind: 'part', headers, range: part, body }
  }
  answer.discard()
  const size = /^bytes \*\/(\d{1,15})$/.exec(contentRange ?? '')?.[1]
  if (answer.status === 416 && size !== undefined) {
    return { kind: 'unsatisfiable', headers, size: Number(size) }
  }
  throw new AppError('ORIGIN_FAILED', `the registry answered ${answer.status}`)
}

/** Bytes [start, end) of the blob, of which the first were had already elsewhere. @throws AppError ORIGIN_* */
export async function directRest(
  pull: BlobPull,
  { start, end }: { start: number; end: number },
  options: Omit<DirectOptions, 'range'>,
): Promise<AsyncIterable<Buffer>> {
  const answer = await openDirect(pull, { ...options, range: `bytes=${start}-${end - 1}` })
  if (answer.kind === 'whole') return slice(answer.body, start, end)
  if (answer.kind === 'part' && answer.range.start === start) {
    return slice(answer.body, 0, end - start)
  }
  if (answer.kind === 'refused') answer.answer.discard()
  throw new AppError('ORIGIN_FAILED', 'the registry does not give the rest of the blob')
}

/** Bytes [start, end) of what `chunks` give. */
export async function* slice(
  chunks: AsyncIterable<Buffer>,
  start: number,
  end: number,
): AsyncGenerator<Buffer, void, undefined> {
  let at = 0
  for await (const chunk of chunks) {
    const part = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at))
    at += chunk.length
    if (part.length > 0) yield part
    if (at >= end) return
  }
}

/** The same bytes, each chunk told. */
export async function* counted(
  chunks: AsyncIterable<Buffer>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of chunks) {
    onBytes(chunk.length)
    yield chunk
  }
}
