import { constants } from 'node:fs'
import { access, lstat, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { AppError } from '@df/proto'
import { errnoOf, outputError } from './output-error.ts'

/** A place that `-O` names, looked at before anything is downloaded. */
export type FileTarget =
  | { kind: 'file'; path: string; replaces: { mode: number; uid: number; gid: number } | undefined }
  /** Written to as it is, never replaced: a device, fifo or socket. */
  | { kind: 'special'; path: string; isFifo: boolean }

export interface FileTargetOptions {
  /** As the user gave it. */
  name: string
  cwd: string
  /** Whether an existing regular file may be replaced. */
  overwrite: boolean
}

const MAX_LINKS = 40

/**
 * Finds what `-O` names, through symbolic links, and makes sure that it can be written.
 * @throws AppError OUTPUT_FAILED
 */
export async function findFileTarget(options: FileTargetOptions): Promise<FileTarget> {
  const { name, cwd, overwrite } = options
  try {
    const path = await followLinks(resolve(cwd, name))
    const found = await stat(path).catch(ignoreMissing)
    if (found?.isDirectory() || (found === undefined && /\/\.{0,2}$/.test(name))) {
      throw new AppError('OUTPUT_FAILED', `'${name}' is a folder`, {
        hint: `name the file in it, as -O '${join(name, 'NAME')}'`,
      })
    }
    if (found !== undefined && !found.isFile()) {
      await access(path, constants.W_OK)
      return { kind: 'special', path, isFifo: found.isFIFO() }
    }
    if (found !== undefined && !overwrite) {
      throw new AppError('OUTPUT_FAILED', `'${name}' exists already`, {
        hint: 'add --overwrite to replace it, or choose another name with -O',
      })
    }
    if (found !== undefined) await accessFile(path, name)
    await access(dirname(path), constants.W_OK | constants.X_OK)
    const replaces =
      found === undefined
        ? undefined
        : { mode: found.mode & 0o7777, uid: found.uid, gid: found.gid }
    return { kind: 'file', path, replaces }
  } catch (error) {
    if (error instanceof AppError) throw error
    throw outputError(error, { name, folder: dirname(resolve(cwd, name)) })
  }
}

/** The path that is meant in the end; unlike realpath, a link to a file that is not there yet is followed too. */
async function followLinks(path: string): Promise<string> {
  let at = path
  for (let links = 0; links < MAX_LINKS; links++) {
    const found = await lstat(at).catch(ignoreMissing)
    const folder = await realpath(dirname(at))
    if (found === undefined || !found.isSymbolicLink()) return join(folder, basename(at))
    at = resolve(folder, await readlink(at))
  }
  throw Object.assign(new Error('too many symbolic links'), { code: 'ELOOP' })
}

/** A file that its owner made read-only is not replaced, although its folder would allow it. */
async function accessFile(path: string, name: string): Promise<void> {
  await access(path, constants.W_OK).catch((cause: unknown) => {
    throw new AppError('OUTPUT_FAILED', `'${name}' is write-protected`, {
      cause,
      hint: 'change its permissions, or choose another name with -O',
    })
  })
}

function ignoreMissing(error: unknown): undefined {
  if (errnoOf(error) === 'ENOENT') return undefined
  throw error
}
