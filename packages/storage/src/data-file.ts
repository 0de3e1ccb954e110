import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  read,
  readSync,
  rmSync,
  write,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import pLimit from 'p-limit'

const FILE_MODE = 0o600
/** Larger writes go to the thread pool: they would hold up the event loop for milliseconds. */
const MAX_SYNC_BYTES = 1024 * 1024
/** A small write or read that takes this long means that the kernel throttles writers, or that a disk was waited for. */
const SLOW_MS = 40
/** For so long what was written is read at once. */
const HOT_MS = 30_000
const SLOW_PERIOD_MS = 5000

/** Half of the process's thread pool, so that writers held up by the kernel leave threads to all others. */
const CONCURRENT_SLOW_WRITES = 2

const slowWrites = pLimit(CONCURRENT_SLOW_WRITES)
const readAsync = promisify(read)
const writeAsync = promisify(write)

/** The sparse file of one content, open. */
export class DataFile {
  readonly #fd: number
  #asyncUntilMs = 0
  #hotUntilMs = 0

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Makes a file of `sizeBytes` that takes no space. A file that is there loses its name, not its bytes. */
  static create(path: string, sizeBytes: number): DataFile {
    const { O_RDWR, O_CREAT, O_EXCL } = constants
    rmSync(path, { force: true })
    const file = new DataFile(openSync(path, O_RDWR | O_CREAT | O_EXCL, FILE_MODE))
    try {
      file.setSize(sizeBytes)
    } catch (error) {
      file.close()
      throw error
    }
    return file
  }

  static open(path: string): DataFile {
    return new DataFile(openSync(path, constants.O_RDWR | constants.O_NOFOLLOW))
  }

  /** A path to the very file that is open, whatever has become of its name (Linux). */
  get openPath(): string {
    return `/proc/self/fd/${this.#fd}`
  }

  facts(): { sizeBytes: number; mtimeNs: bigint; links: number } {
    const { size, mtimeNs, nlink } = fstatSync(this.#fd, { bigint: true })
    return { sizeBytes: Number(size), mtimeNs, links: Number(nlink) }
  }

  setSize(sizeBytes: number): void {
    ftruncateSync(this.#fd, sizeBytes)
  }

  /**
   * Writes all of `data` at `offset`. Small writes are made at once: a copy into the page cache costs a third
   * to a half of what the way through the thread pool costs (measured: 64 KiB 17 against 49 µs of CPU, 256 KiB
   * 47 against 95, 1 MiB 200 against 280). While the kernel throttles writers they too go to the thread pool.
   */
  async write(data: Uint8Array, offset: number): Promise<void> {
    let done = 0
    while (done < data.length) {
      const atOnce = data.length - done <= MAX_SYNC_BYTES && performance.now() >= this.#asyncUntilMs
      done += atOnce
        ? this.#writeAtOnce(data, done, offset)
        : await slowWrites(() => this.#writeInPool(data, done, offset))
    }
  }

  #writeAtOnce(data: Uint8Array, from: number, offset: number): number {
    const startMs = performance.now()
    this.#hotUntilMs = startMs + HOT_MS
    const written = writeSync(this.#fd, data, from, data.length - from, offset + from)
    const endMs = performance.now()
    if (endMs - startMs > SLOW_MS) this.#asyncUntilMs = endMs + SLOW_PERIOD_MS
    return written
  }

  async #writeInPool(data: Uint8Array, from: number, offset: number): Promise<number> {
    const { bytesWritten } = await writeAsync(
      this.#fd,
      data,
      from,
      data.length - from,
      offset + from,
    )
    return bytesWritten
  }

  /** Fills the buffer with the bytes from `start` on. */
  async readInto(buffer: Buffer, start: number): Promise<void> {
    if (buffer.length <= MAX_SYNC_BYTES && performance.now() < this.#hotUntilMs) {
      if (this.#readAtOnce(buffer, start)) return
    }
    for (let done = 0; done < buffer.length; ) {
      const left = buffer.length - done
      const { bytesRead } = await readAsync(this.#fd, buffer, done, left, start + done)
      if (bytesRead === 0) throw new Error(`the data file ends at byte ${start + done}`)
      done += bytesRead
    }
  }

  /** What was written a moment ago is in the page cache: the way through the thread pool would cost more than the copy. */
  #readAtOnce(buffer: Buffer, start: number): boolean {
    const startMs = performance.now()
    const isWhole = readSync(this.#fd, buffer, 0, buffer.length, start) === buffer.length
    if (performance.now() - startMs > SLOW_MS) this.#hotUntilMs = 0
    return isWhole
  }

  close(): void {
    closeSync(this.#fd)
  }
}
