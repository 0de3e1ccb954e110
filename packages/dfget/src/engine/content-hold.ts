import { isSameState } from '@df/codec'
import { AppError, type Geometry, type TaskId, type TaskIdentity } from '@df/proto'
import type { ContentMeta, ContentStore, StoredContent } from '@df/storage'
import { isSameContent } from './swarm-messages.ts'

export interface ContentHoldOptions {
  store: ContentStore
  task: TaskId
  identity: TaskIdentity
  /** Origin URL as people may see it. */
  url: string
  /** The content is here: what it is will not change any more. */
  onContent: (content: StoredContent) => Promise<void>
}

/** What a task's content is, and the lease on it while the task needs one. */
export class ContentHold {
  readonly #options: ContentHoldOptions
  #meta: ContentMeta | undefined
  #content: StoredContent | undefined
  #adoption: Promise<void> = Promise.resolve()
  #isOver = false

  constructor(options: ContentHoldOptions) {
    this.#options = options
  }

  /** Known as soon as somebody told the length; stays known. */
  get meta(): ContentMeta | undefined {
    return this.#meta
  }

  get content(): StoredContent | undefined {
    return this.#content
  }

  /** Takes up what is stored, unless it is of another generation than the one asked for: that goes. */
  async resume(generation: string | undefined): Promise<void> {
    const stored = await this.#options.store.open(this.#options.task)
    if (stored === undefined) return
    if (generation === undefined || isSameState(stored.meta.generation, generation)) {
      await this.#use(stored)
      return
    }
    stored.release()
    await this.#options.store.remove(this.#options.task)
  }

  /**
   * The SuperNode or the origin told what the content is; one after the other, as both may. `generation` is
   * undefined when whoever told does not know of generations: the origin of a blob.
   * @throws AppError CONTENT_CHANGED when they do not agree, DISK_FULL, STORAGE_FAILED
   */
  adopt(geometry: Geometry, generation: string | undefined): Promise<void> {
    const next = this.#adoption.then(() => this.#adoptNow(geometry, generation))
    this.#adoption = next.catch(() => {}) // whoever asked meets it
    return next
  }

  /** Gives the lease back, for good. */
  letGo(): void {
    this.#isOver = true
    this.#content?.release()
    this.#content = undefined
  }

  async #adoptNow(geometry: Geometry, told: string | undefined): Promise<void> {
    if (this.#isOver) return
    const generation = told ?? this.#meta?.generation ?? ''
    if (this.#meta !== undefined && !isSameContent(this.#meta, { geometry, generation })) {
      throw new AppError('CONTENT_CHANGED', 'the origin changed the content meanwhile')
    }
    if (this.#content !== undefined) return
    const { store, task, identity, url } = this.#options
    await this.#use(await store.create({ task, identity, url, geometry, generation }))
  }

  async #use(content: StoredContent): Promise<void> {
    this.#meta = content.meta
    if (this.#isOver) {
      content.release()
      return
    }
    this.#content = content
    await this.#options.onContent(content)
  }
}
