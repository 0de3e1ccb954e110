import type { Logger } from '@df/kit'
import type { TaskId } from '@df/proto'
import { Content, type ContentContext } from './content.ts'
import type { ContentMeta, ContentStore, ContentSummary, StoredContent } from './content-store.ts'
import { claimDirectory } from './directory-claim.ts'
import { Layout } from './layout.ts'
import { isDatabaseDamage, MetaDb } from './meta-db.ts'
import { isKeepable, newContentRecord } from './records.ts'
import { Space } from './space.ts'
import { recoverContents } from './startup.ts'
import { misuse, storageError } from './storage-error.ts'

export interface ContentStoreOptions {
  /** Everything the store writes lies below. Made when absent. */
  dir: string
  /** Most bytes of stored pieces; 0 for no limit. */
  quotaBytes: number
  /** Shares of the quota: above `highWater` (default 1) contents are evicted down to `lowWater` (default 0.9). */
  highWater?: number
  lowWater?: number
  logger?: Logger
  now?: () => number
}

/** The store of a data directory; one process at a time has it. */
export function createContentStore(options: ContentStoreOptions): ContentStore {
  return new DirectoryStore(options)
}

class DirectoryStore implements ContentStore {
  readonly #options: ContentStoreOptions
  readonly #contents = new Map<TaskId, Content>()
  #context: ContentContext | undefined
  #letGo: () => void = () => {}

  constructor(options: ContentStoreOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    if (this.#context !== undefined) throw misuse('the store is started already')
    const layout = new Layout(this.#options.dir)
    let letGo = () => {}
    try {
      layout.createDirectories()
      letGo = claimDirectory(layout.dir)
      await this.#loadOrBeginAnew(layout)
      this.#letGo = letGo
    } catch (error) {
      letGo()
      throw storageError(error, `opening the data directory ${layout.dir}`)
    }
  }

  async stop(): Promise<void> {
    const context = this.#context
    if (context === undefined) return
    this.#context = undefined
    const contents = [...this.#contents.values()]
    this.#contents.clear()
    const lastOps = await Promise.all(contents.map((content) => content.close()))
    await context.layout.settled()
    try {
      await context.db.close(lastOps.flat())
    } catch (error) {
      const message =
        'the end was not recorded: pieces will be hashed again before they are trusted'
      this.#options.logger?.warn({ err: error }, message)
    } finally {
      this.#letGo()
    }
  }

  async open(task: TaskId): Promise<StoredContent | undefined> {
    this.#started()
    return await this.#contents.get(task)?.lease()
  }

  async create(meta: ContentMeta): Promise<StoredContent> {
    const { space } = this.#started()
    if (!isKeepable(newContentRecord(meta, 0))) throw misuse('the store cannot keep such a content')
    try {
      for (;;) {
        const lease = await space.retryWhenFull(1, () => this.#leasePresentOrNew(meta))
        if (lease !== undefined) return lease
      }
    } catch (error) {
      throw storageError(error, 'creating a content')
    }
  }

  async remove(task: TaskId): Promise<boolean> {
    this.#started()
    const content = this.#contents.get(task)
    if (content === undefined) return false
    await content.drop()
    return true
  }

  list(): ContentSummary[] {
    return [...this.#contents.values()].map((content) => content.summary())
  }

  summary(task: TaskId): ContentSummary | undefined {
    return this.#contents.get(task)?.summary()
  }

  usage(): { storedBytes: number; quotaBytes: number } {
    const { quotaBytes } = this.#options
    return { storedBytes: this.#context?.space.takenBytes ?? 0, quotaBytes }
  }

  /** Undefined when the content was removed, or its file has vanished, while it was being opened. */
  async #leasePresentOrNew(meta: ContentMeta): Promise<StoredContent | undefined> {
    const context = this.#started()
    const present = this.#contents.get(meta.task)
    if (present === undefined || !isSameContent(present.meta, meta)) {
      void present?.drop()
      context.space.makeRoom(meta.geometry.contentLength)
      const content = Content.create(context, meta)
      this.#contents.set(meta.task, content)
      return await content.lease()
    }
    const lease = await present.lease()
    try {
      if (lease !== undefined) context.space.makeRoom(present.missingBytes)
    } catch (error) {
      lease?.release()
      throw error
    }
    return lease
  }

  /** The contents can be fetched again: damaged metadata costs them, and must not keep the program from running. */
  async #loadOrBeginAnew(layout: Layout): Promise<void> {
    try {
      await this.#load(layout)
    } catch (error) {
      if (!isDatabaseDamage(error)) throw error
      const aside = layout.setMetaAside()
      const message = 'the metadata is damaged: it was moved aside, and the store starts empty'
      this.#options.logger?.error({ err: error, aside }, message)
      await this.#load(layout)
    }
  }

  async #load(layout: Layout): Promise<void> {
    const db = await MetaDb.open(layout)
    try {
      const found = await recoverContents(layout, db, this.#options.logger)
      const context = this.#contextOf(layout, db)
      for (const { record, have } of found) {
        this.#contents.set(record.task, Content.found(context, record, have, !db.wasClean))
      }
      context.space.makeRoom(0)
      this.#context = context
    } catch (error) {
      this.#contents.clear()
      await db.abandon()
      throw error
    }
  }

  #contextOf(layout: Layout, db: MetaDb): ContentContext {
    const { quotaBytes, highWater = 1, lowWater = 0.9, logger, now = Date.now } = this.#options
    const contents = this.#contents
    const space = new Space<Content>({
      quotaBytes,
      highWater: Math.min(highWater, 1),
      lowWater: Math.min(lowWater, highWater),
      contents: () => contents.values(),
      evict: (content) => content.drop(),
    })
    return { layout, db, space, now, logger, forget: ({ meta }) => contents.delete(meta.task) }
  }

  #started(): ContentContext {
    if (this.#context === undefined) throw misuse('the store is not started')
    return this.#context
  }
}

function isSameContent(a: ContentMeta, b: ContentMeta): boolean {
  return (
    a.generation === b.generation &&
    a.geometry.contentLength === b.geometry.contentLength &&
    a.geometry.pieceSize === b.geometry.pieceSize &&
    a.geometry.stripes === b.geometry.stripes
  )
}
