import { AppError, pieceAt, pieceSpan } from '@df/proto'
import type { StoredContent } from '@df/storage'
import type { BufferSource } from './engine.ts'
import type { PieceWaits } from './piece-waits.ts'

/** Read size; a piece may be larger. */
const CHUNK_BYTES = 1024 * 1024
/** What a whole content keeps back until it is checked. */
const TAIL_BYTES = 64 * 1024
const freshBuffers: BufferSource = { take: (length) => Buffer.allocUnsafeSlow(length) }
/** Pieces ahead of a reader that are fetched before all others. */
const URGENT_PIECES = 8

export interface TaskReaderOptions {
  content: StoredContent
  start: number
  end: number
  /** Undefined when nothing is fetched any more: all pieces are there. */
  waits: PieceWaits | undefined
  /** Resolves when the content is checked; awaited before the last bytes go out. Undefined: no need. */
  checked: Promise<unknown> | undefined
  signal?: AbortSignal | undefined
  buffers?: BufferSource | undefined
}

/**
 * Bytes [start, end) of a content in order, each as soon as it is stored.
 * Throws AppError with detail `offset`, the first byte not delivered.
 */
export async function* readTask(
  options: TaskReaderOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const { content, start, end, waits, checked, signal, buffers = freshBuffers } = options
  const { geometry } = content.meta
  const tailAt = checked === undefined ? end : Math.max(start, end - TAIL_BYTES)
  const window = { start: 0, end: 0 }
  const dropWindow = waits?.addWindow(window)
  let at = start
  try {
    while (at < end) {
      signal?.throwIfAborted()
      const index = pieceAt(geometry, at)
      window.start = index
      window.end = Math.min(index + URGENT_PIECES, pieceAt(geometry, end - 1) + 1)
      if (!content.has(index)) {
        if (waits === undefined) throw new AppError('STORAGE_FAILED', 'a stored piece is gone')
        await waits.wait(index, signal)
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
