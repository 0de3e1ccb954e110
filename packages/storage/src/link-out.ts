import { constants, linkSync, renameSync } from 'node:fs'
import { copyFile, unlink } from 'node:fs/promises'
import { AppError, type TaskId } from '@df/proto'
import { DataFile } from './data-file.ts'
import type { HeldFile } from './held-file.ts'
import type { Layout } from './layout.ts'
import type { SavedRecord } from './saved-record.ts'
import { errnoOf, isNoSpace, misuse } from './storage-error.ts'

const { COPYFILE_EXCL, COPYFILE_FICLONE, COPYFILE_FICLONE_FORCE } = constants

export interface LinkOutOptions {
  task: TaskId
  layout: Layout
  held: HeldFile
  saved: SavedRecord
  isDropped: () => boolean
}

/**
 * Data files given a name outside the store. A hard link shares its bytes with the store, so it is remembered:
 * writes by others are noticed by the time of change, and the store itself never writes to it again.
 */
export class LinkOut {
  readonly #options: LinkOutOptions
  #unsharing: Promise<DataFile> | undefined

  constructor(options: LinkOutOptions) {
    this.#options = options
  }

  /**
   * Clones the file to `path` (btrfs, XFS), else hard-links it, else copies it.
   * @throws AppError OUTPUT_FAILED, DISK_FULL
   */
  async linkTo(path: string): Promise<void> {
    await this.#options.held.use(async (file) => {
      if (await cloneTo(file, path)) return
      if (await this.#hardLinkTo(file, path)) return
      await copyTo(file, path)
    })
  }

  /** The file to write to instead of `file`, which has, or had, a name outside. */
  ownFile(file: DataFile): Promise<DataFile> {
    this.#unsharing ??= this.#unshare(file).finally(() => {
      this.#unsharing = undefined
    })
    return this.#unsharing
  }

  async #hardLinkTo(file: DataFile, path: string): Promise<boolean> {
    const { task, layout, saved, isDropped } = this.#options
    if (isDropped()) return false
    saved.change({ linkedOutMtimeNs: file.facts().mtimeNs.toString() })
    await saved.save()
    if (isDropped()) return false
    try {
      linkSync(layout.dataPath(task), path)
      return true
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') throw outputError(error, path)
      return false
    }
  }

  async #unshare(file: DataFile): Promise<DataFile> {
    const { saved, isDropped } = this.#options
    if (isDropped()) throw misuse('a removed content with a name outside cannot be changed')
    const own = file.facts().links > 1 ? await this.#replaceByCopy(file) : file
    own.setSize(saved.value.geometry.contentLength)
    saved.change({ linkedOutMtimeNs: null })
    await saved.save()
    return own
  }

  async #replaceByCopy(file: DataFile): Promise<DataFile> {
    const { task, layout, held, isDropped } = this.#options
    const aside = layout.asidePath(task, 'new')
    await copyFile(file.openPath, aside, COPYFILE_EXCL | COPYFILE_FICLONE)
    if (isDropped()) {
      await unlink(aside)
      throw misuse('a removed content with a name outside cannot be changed')
    }
    renameSync(aside, layout.dataPath(task))
    const own = DataFile.open(layout.dataPath(task))
    held.replace(own)
    return own
  }
}

async function cloneTo(file: DataFile, path: string): Promise<boolean> {
  try {
    await copyFile(file.openPath, path, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw outputError(error, path)
    return false
  }
}

async function copyTo(file: DataFile, path: string): Promise<void> {
  try {
    await copyFile(file.openPath, path, COPYFILE_EXCL)
  } catch (error) {
    throw outputError(error, path)
  }
}

function outputError(error: unknown, path: string): AppError {
  if (isNoSpace(error)) {
    return new AppError('DISK_FULL', `no space left for ${path}`, { cause: error })
  }
  const reason = error instanceof Error ? error.message : String(error)
  return new AppError('OUTPUT_FAILED', `cannot write ${path}: ${reason}`, { cause: error })
}
