import { randomUUID } from 'node:crypto'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '@df/proto'

/** A temporary file for content whose length the origin does not tell. */
export interface SpoolFile {
  readonly sizeBytes: number
  /** @throws AppError DISK_FULL, STORAGE_FAILED */
  append(chunk: Uint8Array): Promise<void>
  read(start: number, end: number): Promise<Buffer>
  /** Begins anew. */
  rewind(): void
  /** Closes and removes the file. */
  discard(): Promise<void>
}

/** Spool files live in one directory, emptied at every start. */
export class Spool {
  readonly #dir: string
  readonly #maxBytes: () => number

  /** `maxBytes`: what a file may grow to now; more is DISK_FULL. */
  constructor(dir: string, maxBytes: () => number) {
    this.#dir = dir
    this.#maxBytes = maxBytes
  }

  async start(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true })
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
  }

  async create(): Promise<SpoolFile> {
    const path = join(this.#dir, randomUUID())
    const handle = await open(path, 'wx+', 0o600).catch((error: unknown) => {
      throw spoolError(error)
    })
    const maxBytes = this.#maxBytes
    let sizeBytes = 0
    return {
      get sizeBytes() {
        return sizeBytes
      },
      async append(chunk) {
        if (sizeBytes + chunk.length > maxBytes()) {
          throw new AppError('DISK_FULL', 'the content is larger than what the quota leaves')
        }
        try {
          let written = 0
          while (written < chunk.length) {
            const at = sizeBytes + written
            const { bytesWritten } = await handle.write(chunk, written, chunk.length - written, at)
            written += bytesWritten
          }
          sizeBytes += chunk.length
        } catch (error) {
          throw spoolError(error)
        }
      },
      async read(start, end) {
        const buffer = Buffer.allocUnsafeSlow(end - start)
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, start)
        if (bytesRead === buffer.length) return buffer
        throw new AppError('STORAGE_FAILED', 'a spool file is shorter than what was written to it')
      },
      rewind() {
        sizeBytes = 0
      },
      async discard() {
        await handle.close()
        await rm(path, { force: true })
      },
    }
  }
}

function spoolError(error: unknown): AppError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new AppError('DISK_FULL', 'no space left to spool content of unknown length', {
        cause: error,
      })
    : new AppError('STORAGE_FAILED', 'a spool file cannot be written', { cause: error })
}
