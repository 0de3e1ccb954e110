import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, isAppError } from '@df/proto'
import { type ContentStore, createContentStore } from '@df/storage'
import { type DownloadAbout, listDownloads, removeDataDir } from './data-dir.ts'

/** A data directory of dfget, to be looked at. */
export interface Place {
  path: string
  /** What the directory of an unfinished download is for. */
  about: DownloadAbout | undefined
  /** One download's own: it goes when it holds nothing any more. */
  isDownload: boolean
}

/**
 * The directory that the user names, or those of all unfinished downloads.
 * @throws AppError USAGE when the one named is no data directory, STORAGE_FAILED when this user may not look
 */
export async function placesAt(given: string | undefined, base: string): Promise<Place[]> {
  if (given === undefined) {
    const downloads = await listDownloads(base)
    return downloads.map(({ path, about }) => ({ path, about, isDownload: true }))
  }
  if (!(await isDataDir(given))) {
    throw new AppError('USAGE', `'${given}' is not a data directory`)
  }
  return [{ path: given, about: undefined, isDownload: false }]
}

async function isDataDir(path: string): Promise<boolean> {
  try {
    return (await stat(join(path, 'meta'))).isDirectory()
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EACCES')) return false
    throw new AppError('STORAGE_FAILED', `'${path}' may not be read (EACCES)`, {
      hint: 'run dfget as the user whose it is, or as root',
      cause,
    })
  }
}

/**
 * Does something with the contents of a place, if no process works with it: undefined when one does, and the place is a
 * download's own.
 * @throws AppError DATA_DIR_IN_USE for other places, STORAGE_FAILED
 */
export async function withStore<T>(
  { path, isDownload }: Place,
  action: (store: ContentStore) => Promise<T>,
): Promise<T | undefined> {
  const store = createContentStore({ dir: path, quotaBytes: 0 })
  try {
    await store.start()
  } catch (error) {
    if (isDownload && isAppError(error, 'DATA_DIR_IN_USE')) return undefined
    throw error
  }
  let isEmpty = false
  try {
    const result = await action(store)
    isEmpty = store.list().length === 0
    return result
  } finally {
    await store.stop()
    if (isDownload && isEmpty) await removeDataDir(path)
  }
}
