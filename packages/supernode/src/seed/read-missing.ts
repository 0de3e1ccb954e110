import { AppError, isAppError, toAppError } from '@df/proto'
import type { StoredContent } from '@df/storage'
import type { OriginResponse } from '@df/transfer'
import { LaneProbe } from './lane-probe.ts'
import { BufferPool, PieceAssembler } from './piece-assembler.ts'
import type { PieceSink } from './piece-sink.ts'
import { isTransient, withRetries } from './retry.ts'
import { missingSegments, type Segment } from './segments.ts'
import type { SourceReader } from './source-reader.ts'

/** Contents up to this size are read over one connection. */
const ONE_LANE_BYTES = 32 * 1024 * 1024
const PROBE_EVERY_MS = 1000

export interface ReadMissingOptions {
  content: StoredContent
  sink: PieceSink
  reader: SourceReader
  /** The answer that told the length; its bytes are used. */
  first: OriginResponse
  segmentBytes: number
  maxLanes: number
  signal: AbortSignal
  onBytes(bytes: number): void
}

interface Work {
  segment: Segment
  assembler: PieceAssembler
  /** An answer already open at the assembler's offset. */
  response?: OriginResponse | undefined
}

/**
 * Reads what is lacking of a content, in order, over as many connections as help (see {@link LaneProbe}),
 * each going on where it broke off.
 * @throws AppError ORIGIN_*, CONTENT_CHANGED, DISK_FULL, STORAGE_FAILED; the signal's reason when aborted
 */
export async function readMissing(options: ReadMissingOptions): Promise<void> {
  const { content, first, maxLanes } = options
  const { contentLength } = content.meta.geometry
  const ranged = first.status === 206
  const queue = workOf(options)
  const halt = new AbortController()
  const signal = AbortSignal.any([options.signal, halt.signal])
  const probe = new LaneProbe(ranged && contentLength > ONE_LANE_BYTES ? maxLanes : 1)
  const lanes = new Set<Promise<void>>()
  let wanted = 1
  let readBytes = 0
  let failure: AppError | undefined

  const runLane = async () => {
    while (lanes.size <= wanted && !signal.aborted) {
      const work = queue.shift()
      if (work === undefined) return
      const isAlone = lanes.size === 1
      try {
        await readSegment(work, { ...options, signal, onBytes })
      } catch (cause) {
        const error = toAppError(cause)
        if (isAlone || !isTransient(error)) {
          failure ??= error
          halt.abort(error)
          return
        }
        queue.unshift(work)
        // Refused beside others says nothing of the origin: it is tried once more alone.
        wanted = Math.max(1, lanes.size - 1)
        probe.limit(wanted)
        return
      }
    }
  }
  const onBytes = (bytes: number) => {
    readBytes += bytes
    options.onBytes(bytes)
  }
  const openLanes = () => {
    while (lanes.size < wanted && queue.length > 0 && !signal.aborted) {
      const lane: Promise<void> = Promise.resolve()
        .then(runLane)
        .finally(() => lanes.delete(lane))
      lanes.add(lane)
    }
  }
  const timer = setInterval(() => {
    wanted = probe.sample((readBytes * 1000) / PROBE_EVERY_MS)
    readBytes = 0
    openLanes()
  }, PROBE_EVERY_MS)

  try {
    openLanes()
    while (lanes.size > 0) {
      await Promise.race(lanes)
      openLanes()
    }
  } finally {
    clearInterval(timer)
    for (const { response } of queue) response?.cancel()
  }
  options.signal.throwIfAborted()
  if (failure !== undefined) throw failure
}

function workOf({ content, sink, first, segmentBytes }: ReadMissingOptions): Work[] {
  const { geometry } = content.meta
  const buffers = new BufferPool(geometry.pieceSize)
  const has = (index: number) => content.has(index)
  const missing = missingSegments(geometry, has, segmentBytes)
  const segments =
    first.status === 206 || missing.length === 0
      ? missing
      : [{ start: 0, end: geometry.contentLength }]
  const works: Work[] = segments.map((segment) => ({
    segment,
    assembler: new PieceAssembler({
      geometry,
      start: segment.start,
      has,
      put: (piece) => sink.put(piece),
      buffers,
    }),
  }))
  const [work] = works
  if (work !== undefined && work.segment.start === first.start) work.response = first
  else first.cancel()
  return works
}

async function readSegment(work: Work, options: ReadMissingOptions): Promise<void> {
  const { assembler, segment } = work
  await withRetries(
    async () => {
      const response =
        work.response ??
        (await options.reader.open({ start: assembler.offset, end: segment.end }, options.signal))
      work.response = undefined
      checkSame(response, options.content)
      await pump(response, work, options)
      if (assembler.offset < segment.end) {
        throw new AppError('ORIGIN_UNREACHABLE', 'the origin ended its answer early')
      }
    },
    { signal: options.signal, progress: () => assembler.offset },
  )
  await assembler.settle()
}

/** Of a blob the digest says in the end whether it is the same; of others the origin's validators do, at each answer. */
function checkSame(response: OriginResponse, content: StoredContent): void {
  const { geometry, generation, identity } = content.meta
  const sameLength = response.totalLength === geometry.contentLength
  if (sameLength && (identity.kind === 'blob' || response.generation === generation)) return
  response.cancel()
  throw new AppError('CONTENT_CHANGED', 'the origin changed the content while it was read')
}

async function pump(
  response: OriginResponse,
  { assembler, segment }: Work,
  { onBytes, signal }: ReadMissingOptions,
): Promise<void> {
  let skip = assembler.offset - response.start
  for await (const chunk of response.body) {
    // The first answer was opened before there were lanes that could fail together.
    signal.throwIfAborted()
    onBytes(chunk.length)
    const from = Math.min(skip, chunk.length)
    const part = chunk.subarray(from, from + segment.end - assembler.offset)
    skip -= from
    await assembler.push(part)
    // More than was asked for: the connection is of no further use.
    if (from + part.length < chunk.length) return
  }
}

/** Opens a content whose length is not known yet; a range that cannot be had makes it a request for all. */
export async function openFirst(
  reader: SourceReader,
  range: Segment,
  signal: AbortSignal,
): Promise<OriginResponse> {
  return withRetries(
    async () => {
      try {
        const response = await reader.open(range, signal)
        if (response.status === 200 || response.totalLength !== undefined) return response
        response.cancel()
      } catch (error) {
        if (!isAppError(error, 'RANGE_INVALID')) throw error
      }
      return reader.open(undefined, signal)
    },
    { signal },
  )
}
