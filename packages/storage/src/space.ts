import { AppError } from '@df/proto'
import { isNoSpace } from './storage-error.ts'

/** What the quota needs to know of a content. */
export interface Evictable {
  readonly storedBytes: number
  readonly lastUsedAtMs: number
  /** Nobody has a lease on it. */
  readonly idle: boolean
}

export interface SpaceOptions<C extends Evictable> {
  /** 0 for none. */
  quotaBytes: number
  /** Shares of the quota: above `highWater` contents are evicted until at most `lowWater` is taken. */
  highWater: number
  lowWater: number
  contents: () => Iterable<C>
  /** Resolves when the content's space is free. Its `storedBytes` are given back before it returns. */
  evict: (content: C) => Promise<void>
}

/**
 * Counts the bytes of stored pieces and makes room by evicting what was not used for longest. What somebody
 * holds a lease on is never evicted.
 */
export class Space<C extends Evictable> {
  readonly #options: SpaceOptions<C>
  #takenBytes = 0
  #reliefs = 0
  #relieving: Promise<boolean> | undefined

  constructor(options: SpaceOptions<C>) {
    this.#options = options
  }

  get takenBytes(): number {
    return this.#takenBytes
  }

  /** Counts bytes as taken, making room for them first. @throws AppError DISK_FULL */
  take(bytes: number): void {
    this.makeRoom(bytes)
    this.#takenBytes += bytes
  }

  /** Counts bytes that are there already. */
  found(bytes: number): void {
    this.#takenBytes += bytes
  }

  giveBack(bytes: number): void {
    this.#takenBytes -= bytes
  }

  /** Evicts until `bytes` more fit. Evicts nothing when they would not fit anyway. @throws AppError DISK_FULL */
  makeRoom(bytes: number): void {
    const { quotaBytes, highWater, lowWater } = this.#options
    if (quotaBytes === 0 || this.#takenBytes + bytes <= quotaBytes * highWater) return
    const idle = this.#idleOldestFirst()
    const evictableBytes = idle.reduce((sum, content) => sum + content.storedBytes, 0)
    if (this.#takenBytes - evictableBytes + bytes > quotaBytes) {
      throw new AppError('DISK_FULL', `the quota of ${quotaBytes} bytes leaves no room`, {
        hint: 'raise the quota of the data directory, or wait until running transfers end',
        detail: { quotaBytes, takenBytes: this.#takenBytes, neededBytes: bytes },
      })
    }
    for (const content of idle) {
      if (this.#takenBytes + bytes <= quotaBytes * lowWater) return
      void this.#options.evict(content)
    }
  }

  /**
   * Runs `work`, which writes about `bytes`. While the disk itself is full, idle contents are evicted and it
   * is run again; once none is left its error stands.
   */
  async retryWhenFull<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    for (;;) {
      const reliefs = this.#reliefs
      try {
        return await work()
      } catch (error) {
        if (!isNoSpace(error)) throw error
        // Others may have made room since this one began.
        if (reliefs === this.#reliefs && !(await this.#relieveOnce(bytes))) throw error
      }
    }
  }

  /** Those who find the disk full at the same time share one pass. */
  #relieveOnce(bytes: number): Promise<boolean> {
    this.#relieving ??= this.#relieve(bytes).finally(() => {
      this.#relieving = undefined
    })
    return this.#relieving
  }

  /** Evicts the share that a pass of the quota evicts, and at least `bytes`. False when nothing was evicted. */
  async #relieve(bytes: number): Promise<boolean> {
    const goal = Math.max(bytes, this.#takenBytes * (1 - this.#options.lowWater))
    const evictions: Promise<void>[] = []
    let freedBytes = 0
    for (const content of this.#idleOldestFirst()) {
      if (freedBytes >= goal) break
      freedBytes += content.storedBytes
      evictions.push(this.#options.evict(content))
    }
    await Promise.all(evictions)
    this.#reliefs++
    return evictions.length > 0
  }

  #idleOldestFirst(): C[] {
    return [...this.#options.contents()]
      .filter((content) => content.idle)
      .sort((a, b) => a.lastUsedAtMs - b.lastUsedAtMs)
  }
}
