import { randomBytes } from 'node:crypto'
import { type FileHandle, link, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { formatSize } from '@df/kit'
import { AppError } from '@df/proto'
import type { FileTarget } from './file-target.ts'
import { errnoOf, outputError } from './output-error.ts'
import { writeFully } from './write-fully.ts'

/** Asides older than this were left behind by a process that was killed. */
const STALE_MS = 60 * 60 * 1000
const MAX_NAME_BYTES = 255

/**
 * A regular file, written aside in its own folder and renamed when it is right, so that an old file survives
 * every failure and nobody ever sees half a file.
 */
export class FileOutput {
  readonly kind = 'file'
  readonly name: string
  readonly path: string
  readonly #target: Extract<FileTarget, { kind: 'file' }>
  readonly #aside: string
  #handle: FileHandle | undefined
  #written = 0

  constructor(name: string, target: Extract<FileTarget, { kind: 'file' }>) {
    this.name = name
    this.path = target.path
    this.#target = target
    this.#aside = join(dirname(target.path), asideName(basename(target.path)))
  }

  /** @throws AppError DISK_FULL when the file system cannot take `sizeBytes` more bytes */
  async ensureSpace(sizeBytes: number): Promise<void> {
    const { blocks, bfree, bsize } = await this.#try(() => statfs(dirname(this.path)))
    const freeBytes = bfree * bsize
    // Some file systems (FUSE) do not know their size and say 0.
    if (blocks === 0 || sizeBytes <= freeBytes) return
    throw new AppError(
      'DISK_FULL',
      `no space left for '${this.name}': it needs ${formatSize(sizeBytes)}, ${formatSize(freeBytes)} are free`,
      { hint: 'free some space, or choose another place with -O' },
    )
  }

  /** True when a file below `folder` can become the output by a hard link. */
  async isOnFileSystemOf(folder: string): Promise<boolean> {
    const [there, here] = await Promise.all([stat(folder), stat(dirname(this.path))])
    return there.dev === here.dev
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#try(async () => {
      const handle = await this.#open()
      await writeFully(handle.fd, chunk, this.#written)
      this.#written += chunk.length
    })
  }

  /** Forgets what was written. */
  async restart(): Promise<void> {
    await this.#try(() => this.#handle?.truncate(0))
    this.#written = 0
  }

  /** Lets `put` make the finished content at a path that does not exist yet, in place of writing it. */
  async fill(put: (path: string) => Promise<void>): Promise<void> {
    await this.#try(async () => {
      const { mode } = await (await this.#open()).stat()
      await this.#close()
      await rm(this.#aside)
      await put(this.#aside)
      this.#handle = await open(this.#aside, 'r')
      await this.#handle.chmod(mode & 0o777)
    })
  }

  /** Gives the file its name. Without leave to replace it, a file that came up meanwhile is kept. */
  async commit(): Promise<void> {
    await this.#try(async () => {
      const handle = await this.#open()
      await this.#restorePermissions(handle)
      await handle.sync()
      await this.#close()
      if (this.#target.replaces === undefined) await this.#nameNew()
      else await rename(this.#aside, this.path)
      await syncFolder(dirname(this.path))
    })
    await removeStale(this.path)
  }

  async discard(): Promise<void> {
    await this.#close().catch(() => {})
    await rm(this.#aside, { force: true }).catch(() => {})
  }

  async #open(): Promise<FileHandle> {
    this.#handle ??= await open(this.#aside, 'wx', 0o666)
    return this.#handle
  }

  async #close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  async #restorePermissions(handle: FileHandle): Promise<void> {
    const { replaces } = this.#target
    if (replaces === undefined) return
    // Only root can give files away; for everybody else the new file is their own, as with every editor.
    await handle.chown(replaces.uid, replaces.gid).catch(() => {})
    await handle.chmod(replaces.mode)
  }

  async #nameNew(): Promise<void> {
    try {
      await link(this.#aside, this.path)
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') throw this.#appeared(error)
      // No hard links on this file system: look, then rename.
      if (
        await stat(this.path).then(
          () => true,
          () => false,
        )
      )
        throw this.#appeared(error)
      return rename(this.#aside, this.path)
    }
    await rm(this.#aside)
  }

  #appeared(cause: unknown): AppError {
    return new AppError('OUTPUT_FAILED', `'${this.name}' was created by somebody else meanwhile`, {
      cause,
      hint: 'add --overwrite to replace it, or choose another name with -O',
    })
  }

  async #try<T>(action: () => T | Promise<T>): Promise<T> {
    try {
      return await action()
    } catch (error) {
      if (error instanceof AppError) throw error
      throw outputError(error, { name: this.name, folder: dirname(this.path) })
    }
  }
}

function asideName(name: string): string {
  const suffix = `.dfget-${randomBytes(6).toString('hex')}`
  let shown = name
  while (Buffer.byteLength(`.${shown}${suffix}`) > MAX_NAME_BYTES) shown = shown.slice(0, -1)
  return `.${shown}${suffix}`
}

/** The new name is durable once the folder is; a folder without right to read, or some file systems, cannot. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

/** Removes what killed downloads of the same file left beside it. */
async function removeStale(path: string): Promise<void> {
  const folder = dirname(path)
  const pattern = new RegExp(`^\\.${RegExp.escape(basename(path))}\\.dfget-[0-9a-f]{12}$`)
  const names = await readdir(folder).catch(() => [])
  for (const name of names.filter((each) => pattern.test(each))) {
    const left = join(folder, name)
    const found = await stat(left).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > STALE_MS)
      await rm(left, { force: true }).catch(() => {})
  }
}
