import { AppError, type PieceIndex, pieceAt, pieceSpan } from '@df/proto'
import type { StoredContent } from './content-store.ts'

/** Read size; a piece may be larger. */
const CHUNK_BYTES = 1024 * 1024
/** What a whole content keeps back until it is checked. */
const TAIL_BYTES = 64 * 1024
const freshBuffers = { take: (length: number) => Buffer.allocUnsafeSlow(length) }
/** Pieces ahead of a reader that are wanted before all others. */
const URGENT_PIECES = 8

/** How pieces come that are not here yet. */
export interface PieceArrivals {
  /** Resolves when the piece is stored. @throws AppError when it will not come; the signal's reason */
  wait(index: PieceIndex, signal: AbortSignal | undefined): Promise<void>
  /** Told which pieces are wanted next, in an object that changes; gives the way to end that. */
  addWindow?(window: { start: PieceIndex; end: PieceIndex }): () => void
}

export interface ReadArrivingOptions {
  content: StoredContent
  start: number
  end: number
  /** Undefined when nothing comes any more: all pieces are there. */
  arrivals: PieceArrivals | undefined
  /** Resolves when the content is checked; awaited before the last bytes go out. Undefined: no need. */
  checked: Promise<unknown> | undefined
  signal?: AbortSignal | undefined
  /** Where the chunks come from, for consumers that use them again; fresh ones otherwise. */
  buffers?: { take(length: number): Buffer } | undefined
}

/**
 * Bytes [start, end) of a content in order, each as soon as it is stored.
 * @throws AppError with detail `offset`, the first byte not delivered
 */
export async function* readArriving(
  options: ReadArrivingOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const { content, start, end, arrivals, checked, signal, buffers = freshBuffers } = options
  const { geometry } = content.meta
  const tailAt = checked === undefined ? end : Math.max(start, end - TAIL_BYTES)
  const window = { start: 0, end: 0 }
  const dropWindow = arrivals?.addWindow?.(window)
  let at = start
  try {
    while (at < end) {
      signal?.throwIfAborted()
      const index = pieceAt(geometry, at)
      window.start = index
      window.end = Math.min(index + URGENT_PIECES, pieceAt(geometry, end - 1) + 1)
      if (!content.has(index)) {
        if (arrivals === undefined) throw new AppError('STORAGE_FAILED', 'a stored piece is gone')
        await arrivals.wait(index, signal)
      }
      if (at >= tailAt) await checked
      const limit = at < tailAt ? tailAt : end
      const to = Math.min(limit, pieceSpan(geometry, index).end, at + CHUNK_BYTES)
      const bytes = buffers.take(to - at)
      await content.readInto(bytes, at)
      at = to
      yield bytes
    }
  } catch (error) {
    throw withOffset(error, at)
  } finally {
    dropWindow?.()
  }
}

function withOffset(error: unknown, offset: number): unknown {
  if (!(error instanceof AppError)) return error
  const { code, message, hint, cause, detail } = error
  return new AppError(code, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
    detail: { ...detail, offset },
  })
}
