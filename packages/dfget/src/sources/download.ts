import type { BytesBySource, TaskEfficiency } from '@df/proto'
import type { Via } from '../progress/progress.ts'

/** One way to a content, opened. */
export interface Download {
  readonly via: Via
  /** Undefined when it ends where it ends. */
  readonly contentLength: number | undefined
  /**
   * The bytes from `start` on, in order.
   * @throws AppError {@link SOURCE_LOST} in the detail when another way may still lead there; the signal's reason
   */
  read(start: number, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Where the bytes of this run came from, as far as is known. */
  received(): BytesBySource | undefined
  /** How well the task went, when this run began it; to be asked when all bytes are here. */
  efficiency(signal: AbortSignal): Promise<TaskEfficiency | undefined>
  /** With `resumable`, what a later run can go on from is kept. */
  close(options: { resumable: boolean }): Promise<void>
}

/** A download by a peer of our own: it has a store, in which the content may be before it is read. */
export interface PeerDownload extends Download {
  readonly contentLength: number
  /** The folder of the store. */
  readonly dataDir: string
  haveBytes(): number
  /** Resolves when the whole content is stored and checked. */
  finished(signal: AbortSignal): Promise<void>
  /** Hard-links or copies the finished content to a path that does not exist. */
  exportTo(path: string): Promise<void>
}

/** Detail key of an error that says only that this way is closed. */
export const SOURCE_LOST = 'sourceLost'
