import { DataFile } from './data-file.ts'
import { errnoOf, misuse } from './storage-error.ts'

/**
 * The data file of a content, open exactly while somebody uses it: leases and running operations count.
 * So a descriptor is never closed under an operation, and their number is bounded by what is in use.
 */
export class HeldFile {
  readonly #path: string
  readonly #onOpened: (file: DataFile) => void
  readonly #onIdle: () => void
  readonly #running = new Set<Promise<unknown>>()
  #users = 0
  #file: DataFile | undefined
  #replaced: DataFile[] = []

  constructor(path: string, on: { opened: (file: DataFile) => void; idle: () => void }) {
    this.#path = path
    this.#onOpened = on.opened
    this.#onIdle = on.idle
  }

  get idle(): boolean {
    return this.#users === 0
  }

  /** Counts a user; the first opens the file. False when there is no file. */
  acquire(): boolean {
    if (this.#users === 0) {
      try {
        this.#file = DataFile.open(this.#path)
        this.#onOpened(this.#file)
      } catch (error) {
        this.close()
        if (errnoOf(error) === 'ENOENT') return false
        throw error
      }
    }
    this.#users++
    return true
  }

  release(): void {
    this.#users--
    if (this.#users > 0) return
    this.close()
    this.#onIdle()
  }

  /** Runs an operation on the open file. */
  async use<T>(work: (file: DataFile) => Promise<T>): Promise<T> {
    if (this.#file === undefined) throw misuse('the content is not open')
    this.#users++
    const running = work(this.#file)
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
      this.release()
    }
  }

  /** Later operations use `file`; the file before stays open for those that run. */
  replace(file: DataFile): void {
    if (this.#file !== undefined) this.#replaced.push(this.#file)
    this.#file = file
  }

  /** Resolves when no operation runs any more. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }

  /** Closes whoever still counts as a user; operations that follow fail. */
  close(): void {
    for (const file of this.#replaced) file.close()
    this.#file?.close()
    this.#replaced = []
    this.#file = undefined
  }
}
