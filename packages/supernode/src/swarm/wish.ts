import { AppError, type Geometry, type Source, type TaskId } from '@df/proto'
import type { StoredContent } from '@df/storage'
import { type KeyedSource, keyedSource } from '../seed/keyed-source.ts'

/** That the SuperNode itself wants a content, whether or not a host does. See `Swarms.want`. */
export interface Wish {
  readonly task: TaskId
  /** Resolves when the SuperNode has all of it, checked. Rejects with an AppError when it cannot be had or was deleted, or the wish released. */
  readonly finished: Promise<void>
  /** Resolves when the content is known and can be served while it is read; never when that does not come to pass. */
  readonly known: Promise<void>
  /** Of the content, once it is known; another when the content turned out to be another. */
  readonly geometry: Geometry | undefined
  /** Bytes of it that the SuperNode has. */
  readonly haveBytes: number
  /** The wish ends: nothing is read for it any more. What is stored stays, as any stored content does. */
  release(): void
}

class OpenWish implements Wish {
  readonly task: TaskId
  readonly source: KeyedSource
  readonly outcome = Promise.withResolvers<void>()
  readonly #known = Promise.withResolvers<void>()
  readonly #release: (wish: OpenWish) => void
  /** Of the seed, which holds the lease; not to be used once the wish is over. */
  #stored: StoredContent | undefined
  #geometry: Geometry | undefined
  #haveBytes = 0

  constructor(task: TaskId, source: Source, release: (wish: OpenWish) => void) {
    this.task = task
    this.source = keyedSource(source)
    this.#release = release
    // A wish that nobody waits for may fail too.
    this.outcome.promise.catch(() => {})
  }

  get finished(): Promise<void> {
    return this.outcome.promise
  }

  get known(): Promise<void> {
    return this.#known.promise
  }

  get geometry(): Geometry | undefined {
    return this.#geometry
  }

  get haveBytes(): number {
    if (this.#stored === undefined || this.#geometry === undefined) return this.#haveBytes
    const { pieceSize, contentLength } = this.#geometry
    return Math.min(this.#stored.havePieces * pieceSize, contentLength)
  }

  know(stored: StoredContent): void {
    this.#stored = stored
    this.#geometry = stored.meta.geometry
    this.#known.resolve()
  }

  forgetContent(): void {
    this.#haveBytes = this.haveBytes
    this.#stored = undefined
  }

  release(): void {
    this.#release(this)
  }
}

/** The wishes for one task that are neither fulfilled nor over. */
export class Wishes {
  readonly #open = new Set<OpenWish>()

  get isEmpty(): boolean {
    return this.#open.size === 0
  }

  add(task: TaskId, source: Source): Wish & { readonly source: KeyedSource } {
    const wish = new OpenWish(task, source, (released) => {
      this.#end(released)
      released.outcome.reject(new AppError('TASK_DELETED', 'the wish for the content was released'))
    })
    this.#open.add(wish)
    return wish
  }

  /** The first source that is acceptable. */
  source(acceptable: (source: KeyedSource) => boolean): KeyedSource | undefined {
    return [...this.#open].find(({ source }) => acceptable(source))?.source
  }

  /** The content is known, or is another than it was. */
  know(stored: StoredContent): void {
    for (const wish of this.#open) wish.know(stored)
  }

  fulfil(): void {
    for (const wish of this.#open) {
      this.#end(wish)
      wish.outcome.resolve()
    }
  }

  /** All of them, or those of one source, cannot be fulfilled. */
  fail(error: AppError, sourceKey?: string): void {
    for (const wish of this.#open) {
      if (sourceKey !== undefined && wish.source.key !== sourceKey) continue
      this.#end(wish)
      wish.outcome.reject(error)
    }
  }

  #end(wish: OpenWish): void {
    wish.forgetContent()
    this.#open.delete(wish)
  }
}
