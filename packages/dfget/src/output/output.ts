import type { FileOutput } from './file-output.ts'

/** Where a content goes, byte after byte. */
export interface StreamOutput {
  readonly kind: 'stream'
  /** For messages. */
  readonly name: string
  /**
   * Resolves when there is room for more.
   * @throws AppError OUTPUT_FAILED or DISK_FULL; OUTPUT_CLOSED in the detail when the reader went away
   */
  write(chunk: Uint8Array): Promise<void>
  /** All bytes are out; closes what was opened here. */
  commit(): Promise<void>
  /** Closes without a word. Never throws. */
  discard(): Promise<void>
}

export type Output = FileOutput | StreamOutput
