import type { Writable } from 'node:stream'
import { AppError } from '@df/proto'

/** Read size; 1 MiB was the best measured (performance.md §1). */
const READ_BYTES = 1024 * 1024
/** A receiver that takes nothing for this long is cut. */
const SLOW_RECEIVER_MS = 30_000

export interface BodyPart {
  read(start: number, end: number): Promise<Buffer>
  start: number
  end: number
  response: Writable
  signal: AbortSignal
  /** Waits until this many bytes may be sent. */
  limit?(bytes: number): Promise<void>
}

/** Writes [start, end) to the response, reading at most 1 MiB ahead of what the receiver took. */
export async function writeBody(part: BodyPart): Promise<void> {
  for (let at = part.start; at < part.end; ) {
    const end = Math.min(part.end, at + READ_BYTES)
    await part.limit?.(end - at)
    const bytes = await part.read(at, end)
    await writeChunk(part.response, bytes, part.signal)
    at = end
  }
}

/**
 * Writes one chunk and waits while the receiver is behind.
 * @throws the signal's reason; AppError PARENT_FAILED when the receiver takes nothing for 30 s or is gone
 */
export async function writeChunk(
  response: Writable,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  if (response.destroyed) throw new AppError('PARENT_FAILED', 'the receiver left')
  if (response.write(bytes)) return
  await new Promise<void>((resolve, reject) => {
    const settle = (finish: () => void) => {
      clearTimeout(timer)
      response.off('drain', onDrain)
      response.off('close', onClose)
      signal.removeEventListener('abort', onAbort)
      finish()
    }
    const onDrain = () => settle(resolve)
    const onClose = () => settle(() => reject(new AppError('PARENT_FAILED', 'the receiver left')))
    const onAbort = () => settle(() => reject(signal.reason))
    const timer = setTimeout(
      () => settle(() => reject(new AppError('PARENT_FAILED', 'the receiver takes nothing'))),
      SLOW_RECEIVER_MS,
    )
    response.once('drain', onDrain)
    response.once('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
