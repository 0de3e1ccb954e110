import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TaskId } from '@df/proto'
import { Level } from 'level'
import type { ContentStore, StoredContent } from '../content-store.ts'
import { type ContentStoreOptions, createContentStore } from '../create-content-store.ts'
import { Layout } from '../layout.ts'

type Options = Omit<ContentStoreOptions, 'dir'>

/** A store in a directory of its own, which can end in order or as if killed. */
export class TestStore {
  readonly base = mkdtempSync(join(tmpdir(), 'df-storage-'))
  #options: Options
  #store: ContentStore | undefined

  constructor(options: Partial<Options> = {}) {
    this.#options = { quotaBytes: 0, ...options }
  }

  get dir(): string {
    return join(this.base, 'data')
  }

  get store(): ContentStore {
    if (this.#store === undefined) throw new Error('the store is not started')
    return this.#store
  }

  dataPath(task: TaskId): string {
    return new Layout(this.dir).dataPath(task)
  }

  async start(options: Partial<Options> = {}): Promise<ContentStore> {
    this.#options = { ...this.#options, ...options }
    const store = createContentStore({ ...this.#options, dir: this.dir })
    await store.start()
    this.#store = store
    return store
  }

  async stop(): Promise<void> {
    await this.#store?.stop()
    this.#store = undefined
  }

  async restart(options: Partial<Options> = {}): Promise<ContentStore> {
    await this.stop()
    return await this.start(options)
  }

  /** Stops without the mark of a clean end, as if killed. Leases of the life before are void. */
  async crash(): Promise<void> {
    await this.stop()
    await this.withDatabase(async (level) => await level.del('!state!clean'))
  }

  /** Opens the database of the stopped store by hand. */
  async withDatabase(work: (level: Level<string, Buffer>) => Promise<void>): Promise<void> {
    const level = new Level<string, Buffer>(join(this.dir, 'meta'), { valueEncoding: 'buffer' })
    await level.open()
    await work(level)
    await level.close()
  }

  async opened(task: TaskId): Promise<StoredContent> {
    const content = await this.store.open(task)
    if (content === undefined) throw new Error('the content is not there')
    return content
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.base, { recursive: true, force: true })
  }
}
