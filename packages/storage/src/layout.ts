import { type Dirent, mkdirSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isTaskId, type TaskId } from '@df/proto'
import { errnoOf } from './storage-error.ts'

const DIRECTORY_MODE = 0o700
const dataName = /^([0-9a-f]{64})\.data$/
/** Data files set aside: on their way out, or not yet in place. */
const asideName = /^[0-9a-f]{64}\.data\.[0-9a-z-]+$/

/** Where things lie below the data directory (docs/format/store.md). */
export class Layout {
  readonly dir: string
  readonly metaDir: string
  readonly #contentDir: string
  readonly #removals = new Set<Promise<void>>()
  #asideCount = 0

  constructor(dir: string) {
    this.dir = resolve(dir)
    this.metaDir = join(this.dir, 'meta')
    this.#contentDir = join(this.dir, 'content')
  }

  createDirectories(): void {
    mkdirSync(this.dir, { recursive: true, mode: DIRECTORY_MODE })
    for (const dir of [this.metaDir, this.#contentDir]) {
      mkdirSync(dir, { recursive: true, mode: DIRECTORY_MODE })
    }
  }

  dataPath(task: TaskId): string {
    return join(this.#contentDir, task.slice(0, 2), `${task}.data`)
  }

  createDataDirectory(task: TaskId): void {
    mkdirSync(join(this.#contentDir, task.slice(0, 2)), { recursive: true, mode: DIRECTORY_MODE })
  }

  /** A name beside a task's data file; removed at the next start when it is still there. */
  asidePath(task: TaskId, what: 'gone' | 'new'): string {
    return `${this.dataPath(task)}.${what}-${this.#asideCount++}`
  }

  /**
   * Takes a data file out of its place at once, so that the place is free, and deletes it in the background,
   * since deleting a large file takes long. Resolves when it is deleted.
   */
  removeData(task: TaskId): Promise<void> {
    const removal = this.#removeData(task)
    this.#removals.add(removal)
    return removal.finally(() => this.#removals.delete(removal))
  }

  /** Resolves when no removal runs any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#removals)
  }

  async #removeData(task: TaskId): Promise<void> {
    const path = this.dataPath(task)
    const aside = this.asidePath(task, 'gone')
    try {
      renameSync(path, aside)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') unlinkSync(path)
      return
    }
    await unlink(aside)
  }

  /** Moves a damaged metadata database aside; an older one that lies there is replaced. */
  setMetaAside(): string {
    const aside = join(this.dir, 'meta.damaged')
    rmSync(aside, { recursive: true, force: true })
    renameSync(this.metaDir, aside)
    this.createDirectories()
    return aside
  }

  /** The data files that are there. Files that the store did not make are left alone and not told. */
  *dataFiles(): Generator<{ path: string; task: TaskId | undefined }> {
    for (const directory of entriesOf(this.#contentDir)) {
      if (!directory.isDirectory() || !/^[0-9a-f]{2}$/.test(directory.name)) continue
      const parent = join(this.#contentDir, directory.name)
      for (const file of entriesOf(parent)) {
        const path = join(parent, file.name)
        const task = dataName.exec(file.name)?.[1]
        if (task !== undefined && isTaskId(task) && path === this.dataPath(task)) {
          yield { path, task: file.isFile() ? task : undefined }
        } else if (task !== undefined || asideName.test(file.name)) {
          yield { path, task: undefined }
        }
      }
    }
  }
}

function entriesOf(dir: string): Dirent[] {
  return readdirSync(dir, { withFileTypes: true })
}
