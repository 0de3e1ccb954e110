import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { AppError } from '@df/proto'
import type { Files } from './runtime-plan.ts'

/** A file as far as setup restores it. */
export interface FileState extends FileRights {
  text: string
}

export interface FileRights {
  mode: number
  uid: number
  gid: number
}

const MOST_LINKS = 40
const NEW_FILE_MODE = 0o644
const NEW_FOLDER_MODE = 0o755

/**
 * The files of a machine, or of an image or host that is mounted at `root`: absolute symbolic links mean places below
 * it, and nothing outside is ever touched. All paths are those that the machine itself uses.
 */
export class RootedFiles implements Files {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  read(path: string): string | undefined {
    return this.state(path)?.text
  }

  list(folder: string): string[] | undefined {
    try {
      return readdirSync(this.real(folder))
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw failure(`cannot list ${folder}`, error)
    }
  }

  /** @throws AppError OUTPUT_FAILED; CONFIG_INVALID for a file that is no text */
  state(path: string): FileState | undefined {
    const real = this.real(path)
    let bytes: Uint8Array
    try {
      bytes = readFileSync(real)
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw failure(`cannot read ${path}`, error)
    }
    const { mode, uid, gid } = statSync(real)
    return { text: textOf(path, bytes), mode: mode & 0o7777, uid, gid }
  }

  /**
   * Replaces a file as a whole: whatever happens, it is the old one or the new one. One that is there keeps its mode and
   * owner unless `rights` names others; a symbolic link stays, its target is replaced.
   * @throws AppError OUTPUT_FAILED
   */
  write(path: string, text: string, rights?: Partial<FileRights>): void {
    const real = this.real(path)
    const kept = { ...this.state(path), ...rights }
    const temporary = temporaryOf(real)
    try {
      rmSync(temporary, { force: true })
      const file = openSync(temporary, 'wx', 0o600)
      try {
        writeFileSync(file, text)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      takeOver(temporary, kept)
      renameSync(temporary, real)
      syncFolder(dirname(real))
    } catch (error) {
      rmSync(temporary, { force: true })
      throw failure(`cannot write ${path}`, error)
    }
  }

  /** @throws AppError OUTPUT_FAILED */
  remove(path: string): void {
    const real = this.real(path)
    try {
      unlinkSync(real)
      syncFolder(dirname(real))
    } catch (error) {
      if (isAbsent(error)) return
      throw failure(`cannot remove ${path}`, error)
    }
  }

  /** What a write that was cut short may have left beside a file. */
  removeTemporary(path: string): void {
    rmSync(temporaryOf(this.real(path)), { force: true })
  }

  /** The folders above a path that are not there yet, the outermost first. */
  missingFolders(path: string): string[] {
    const folder = dirname(path)
    if (folder === path || this.list(folder) !== undefined) return []
    return [...this.missingFolders(folder), folder]
  }

  /** @throws AppError OUTPUT_FAILED */
  makeFolder(path: string, mode: number = NEW_FOLDER_MODE): void {
    try {
      // One by one: a recursive one never ends below /proc (Node 24.21).
      for (const folder of [...this.missingFolders(path), path]) {
        if (this.list(folder) === undefined) mkdirSync(this.real(folder), { mode })
      }
    } catch (error) {
      throw failure(`cannot make ${path}`, error)
    }
  }

  /** Leaves folders that are not empty. */
  removeEmptyFolder(path: string): void {
    try {
      rmdirSync(this.real(path))
    } catch {
      // Somebody uses it, or removed it.
    }
  }

  /** Where a path of the machine is for this process, links followed. */
  real(path: string): string {
    return join(this.#root, this.#follow(path, { links: 0 }))
  }

  #follow(path: string, count: { links: number }): string {
    let at = '/'
    for (const part of path.split('/').filter(Boolean)) {
      at = join(at, part)
      const target = linkTarget(join(this.#root, at))
      if (target === undefined) continue
      if (++count.links > MOST_LINKS) {
        throw new AppError('OUTPUT_FAILED', `${path}: too many symbolic links`)
      }
      at = this.#follow(target.startsWith('/') ? target : join(dirname(at), target), count)
    }
    return at
  }
}

function temporaryOf(real: string): string {
  // Ends in none of the names that engines look for.
  return join(dirname(real), `.${basename(real)}.dragonfly-tmp`)
}

/** The owner first: changing him takes bits of the mode away. */
function takeOver(path: string, rights: Partial<FileRights>): void {
  const made = statSync(path)
  const { uid = made.uid, gid = made.gid, mode = NEW_FILE_MODE } = rights
  if (made.uid !== uid || made.gid !== gid) chownSync(path, uid, gid)
  chmodSync(path, mode)
}

function linkTarget(path: string): string | undefined {
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
  return isLink ? readlinkSync(path) : undefined
}

/** So that the change outlives a crash of the machine. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function textOf(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${path} is not a text in UTF-8`, {
      hint: 'mend it',
      cause,
    })
  }
}

function isAbsent(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function failure(what: string, cause: unknown): AppError {
  const errno = (cause as NodeJS.ErrnoException).code ?? String(cause)
  const isRight = errno === 'EACCES' || errno === 'EPERM'
  return new AppError('OUTPUT_FAILED', `${what}: ${errno}`, {
    cause,
    hint: isRight ? 'run it as root' : 'mend that and run it again; nothing is half written',
  })
}
