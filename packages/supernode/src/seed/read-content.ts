import { isSameState, type SigningKey } from '@df/codec'
import { redactUrl } from '@df/oci'
import {
  AppError,
  type Digest,
  geometryOf,
  isAppError,
  type Source,
  type TaskId,
  type TaskIdentity,
} from '@df/proto'
import {
  type ContentStore,
  type Spool,
  type SpoolFile,
  type StoredContent,
  WholeDigest,
} from '@df/storage'
import type { OriginResponse } from '@df/transfer'
import { BufferPool, PieceAssembler } from './piece-assembler.ts'
import { PieceSink } from './piece-sink.ts'
import { openFirst, readMissing } from './read-missing.ts'
import { withRetries } from './retry.ts'
import { missingSegments, type Segment } from './segments.ts'
import type { SourceReader } from './source-reader.ts'

const SPOOL_STEP_BYTES = 1024 * 1024

/** What every reading needs. */
export interface ReadingSetup {
  store: ContentStore
  key: SigningKey
  spool: Spool
  segmentBytes: number
  maxLanes: number
}

/** One reading of one source. */
export interface Reading {
  task: TaskId
  identity: TaskIdentity
  source: Source
  reader: SourceReader
  /** What a host saw at the origin just now; spares a stored content without digest the question. */
  confirmedGeneration: string | undefined
  /** The generation that a blob is stored under when it is read anew. */
  blobGeneration: string
  signal: AbortSignal
  /** The content is known and can be served; whoever gets it releases it. */
  onContent(content: StoredContent): void
  onBytes(bytes: number): void
}

/**
 * Makes a content complete and checked: from the store as far as it is there, the rest from the source.
 * @throws AppError ORIGIN_*; CONTENT_CHANGED and CONTENT_DIGEST_MISMATCH, after forgetting what is stored;
 *   DISK_FULL, STORAGE_FAILED; the signal's reason when aborted
 */
export async function readContent(setup: ReadingSetup, reading: Reading): Promise<void> {
  const stored = await setup.store.open(reading.task)
  try {
    if (stored === undefined) return await readFresh(setup, reading)
    await completeStored(setup, reading, stored)
  } catch (error) {
    if (isAppError(error, 'CONTENT_CHANGED') || isAppError(error, 'CONTENT_DIGEST_MISMATCH')) {
      await setup.store.remove(reading.task)
    }
    throw error
  }
}

/** A blob's name vouches for what is stored of it; for other content the origin must be asked. */
async function completeStored(
  setup: ReadingSetup,
  reading: Reading,
  stored: StoredContent,
): Promise<void> {
  const { geometry, generation } = stored.meta
  const pinned = digestOf(reading.identity) !== undefined
  if (pinned || (stored.complete && isSameState(generation, reading.confirmedGeneration))) {
    reading.onContent(stored)
    await fill(setup, reading, stored, undefined)
    return
  }
  const handOver = { done: false }
  try {
    const [missing] = missingSegments(geometry, (index) => stored.has(index), setup.segmentBytes)
    const first = await openFirst(reading.reader, missing ?? { start: 0, end: 1 }, reading.signal)
    if (first.generation !== generation || first.totalLength !== geometry.contentLength) {
      first.cancel()
      throw new AppError('CONTENT_CHANGED', 'the origin has another content than what is stored')
    }
    handOver.done = true
    reading.onContent(stored)
    await fill(setup, reading, stored, first)
  } finally {
    if (!handOver.done) stored.release()
  }
}

async function readFresh(setup: ReadingSetup, reading: Reading): Promise<void> {
  const { segmentBytes } = setup
  const first = await openFirst(reading.reader, { start: 0, end: segmentBytes }, reading.signal)
  if (first.totalLength === undefined) return readSpooled(setup, reading, first)
  try {
    const content = await createContent(setup, reading, first, first.totalLength)
    reading.onContent(content)
    await fill(setup, reading, content, first)
  } finally {
    first.cancel()
  }
}

function createContent(
  setup: ReadingSetup,
  { task, identity, source, blobGeneration }: Reading,
  { generation }: OriginResponse,
  contentLength: number,
): Promise<StoredContent> {
  return setup.store.create({
    task,
    identity,
    url: redactUrl(source.url),
    geometry: geometryOf(contentLength),
    generation: identity.kind === 'blob' ? blobGeneration : generation,
  })
}

/** Reads what is lacking and checks the whole. `first`: an answer to use, when there is one already. */
async function fill(
  setup: ReadingSetup,
  reading: Reading,
  content: StoredContent,
  first: OriginResponse | undefined,
): Promise<void> {
  if (content.complete && content.verified) {
    first?.cancel()
    return
  }
  await checked(setup, reading, content, async (sink) => {
    if (content.complete) return
    await readMissing({
      ...setup,
      ...reading,
      content,
      sink,
      first:
        first ?? (await openFirst(reading.reader, firstMissing(setup, content), reading.signal)),
    })
  })
}

function firstMissing({ segmentBytes }: ReadingSetup, content: StoredContent): Segment {
  const { geometry } = content.meta
  const [missing] = missingSegments(geometry, (index) => content.has(index), segmentBytes)
  return missing ?? { start: 0, end: segmentBytes }
}

/** Fills a content and checks its digest alongside. */
async function checked(
  { key }: ReadingSetup,
  { identity }: Reading,
  content: StoredContent,
  work: (sink: PieceSink) => Promise<void>,
): Promise<void> {
  const digest = digestOf(identity)
  const whole = digest === undefined ? undefined : new WholeDigest(content, digest)
  try {
    await work(new PieceSink(content, key, ({ index, data }) => whole?.offer(index, data)))
    await whole?.finish()
    await content.markVerified()
  } finally {
    whole?.stop()
  }
}

/** Content of unknown length: all of it to a file first, since pieces cannot be named before the length is. */
async function readSpooled(
  setup: ReadingSetup,
  reading: Reading,
  first: OriginResponse,
): Promise<void> {
  const file = await setup.spool.create()
  try {
    let response: OriginResponse | undefined = first
    const whole = await withRetries(
      async () => {
        const answer = response ?? (await reading.reader.open(undefined, reading.signal))
        response = undefined
        file.rewind()
        for await (const chunk of answer.body) {
          reading.onBytes(chunk.length)
          await file.append(chunk)
        }
        return answer
      },
      { signal: reading.signal },
    )
    const content = await createContent(setup, reading, whole, file.sizeBytes)
    reading.onContent(content)
    await checked(setup, reading, content, (sink) => cut(reading, content, file, sink))
  } finally {
    await file.discard()
  }
}

async function cut(
  { signal }: Reading,
  content: StoredContent,
  file: SpoolFile,
  sink: PieceSink,
): Promise<void> {
  const { geometry } = content.meta
  const assembler = new PieceAssembler({
    geometry,
    start: 0,
    has: (index) => content.has(index),
    put: (piece) => sink.put(piece),
    buffers: new BufferPool(geometry.pieceSize),
  })
  for (let at = 0; at < file.sizeBytes; at += SPOOL_STEP_BYTES) {
    signal.throwIfAborted()
    await assembler.push(await file.read(at, Math.min(at + SPOOL_STEP_BYTES, file.sizeBytes)))
  }
  await assembler.settle()
}

function digestOf(identity: TaskIdentity): Digest | undefined {
  return identity.digest
}
