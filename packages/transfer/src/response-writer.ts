import type { Writable } from 'node:stream'
import type { BufferPool } from '@df/kit'
import { AppError } from '@df/proto'

/** Read size; 1 MiB was the best measured (performance.md §1). */
const READ_BYTES = 1024 * 1024
/** A receiver that takes nothing for this long is cut. */
const SLOW_RECEIVER_MS = 30_000

export interface BodyPart {
  /** Fills the buffer with the bytes from `start` on. */
  readInto(buffer: Buffer, start: number): Promise<void>
  start: number
  end: number
  response: Writable
  signal: AbortSignal
  buffers: BufferPool
  /** Waits until this many bytes may be sent. */
  limit(bytes: number): Promise<void>
}

/**
 * Writes [start, end) to the response, one chunk at a time, each read when the one before has been taken.
 * @throws what reading throws; the signal's reason; AppError PARENT_FAILED when the receiver takes nothing for 30 s
 */
export async function writeBody(part: BodyPart): Promise<void> {
  for (let at = part.start; at < part.end; ) {
    const bytes = Math.min(READ_BYTES, part.end - at)
    await part.limit(bytes)
    const buffer = part.buffers.take(bytes)
    await part.readInto(buffer, at)
    await writeChunk(part.response, buffer, part.signal)
    part.buffers.giveBack(buffer)
    at += bytes
  }
}

/** Resolves when the chunk has left this process, so that its buffer can be used again. */
async function writeChunk(response: Writable, chunk: Buffer, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: unknown) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      if (error) reject(error)
      else resolve()
    }
    const onAbort = () => settle(signal.reason)
    const timer = setTimeout(
      () => settle(new AppError('PARENT_FAILED', 'the receiver takes nothing')),
      SLOW_RECEIVER_MS,
    )
    signal.addEventListener('abort', onAbort, { once: true })
    response.write(chunk, settle)
  })
}
