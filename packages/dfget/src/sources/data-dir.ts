import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '@df/kit'
import { AppError, canonicalUrl, lengthPrefixed } from '@df/proto'

/**
 * Where a download keeps its pieces. `kept`: the user's own, for many downloads · `resumable`: one download's,
 * found again by the same command, gone when it is done · `once`: gone in any case.
 */
export interface DataDir {
  path: string
  kind: 'kept' | 'resumable' | 'once'
}

export interface DataDirOptions {
  /** `--data-dir`, when given. */
  given: string | undefined
  /** dfget's own folder on this host. */
  base: string
  url: string
  filterQuery: readonly string[]
  /** Absolute path of the file the content becomes; undefined when it becomes none. */
  outputPath: string | undefined
}

/** What a download's own data directory is for. */
export interface DownloadAbout {
  /** Without query and user info. */
  url: string
  output: string
}

const utf8 = new TextEncoder()
const ABOUT_FILE = 'download.json'

export function dataDirFor(options: DataDirOptions): DataDir {
  const { given, base, outputPath } = options
  if (given !== undefined) return { path: given, kind: 'kept' }
  const downloads = downloadsDir(base)
  if (outputPath === undefined) {
    return { path: join(downloads, `once-${randomBytes(8).toString('hex')}`), kind: 'once' }
  }
  const url = canonicalUrl(options.url, { filterQuery: options.filterQuery })
  const key = lengthPrefixed([url, outputPath].map((text) => utf8.encode(text)))
  const name = createHash('sha256').update(key).digest('hex').slice(0, 32)
  return { path: join(downloads, name), kind: 'resumable' }
}

/** The folder that holds one data directory per unfinished download. */
function downloadsDir(base: string): string {
  return join(base, 'downloads')
}

/** @throws AppError STORAGE_FAILED */
export async function createDataDir(path: string): Promise<void> {
  try {
    await makeFolder(path, 0o700)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new AppError('STORAGE_FAILED', `cannot keep pieces in '${path}': ${why}`, {
      cause,
      hint: 'choose another folder with --data-dir',
    })
  }
}

export async function removeDataDir(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}

/** Notes beside the pieces what they are for; the time of the note is when the download last began. */
export async function describeDownload(dataDir: DataDir, about: DownloadAbout): Promise<void> {
  if (dataDir.kind === 'kept') return
  await writeFile(join(dataDir.path, ABOUT_FILE), JSON.stringify(about), { mode: 0o600 })
}

/** The data directories of unfinished downloads, with what is known of them. */
export async function listDownloads(
  base: string,
): Promise<{ path: string; about: DownloadAbout | undefined; begunAtMs: number }[]> {
  const folder = downloadsDir(base)
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const folders = entries.filter((entry) => entry.isDirectory())
  return Promise.all(
    folders.map(async ({ name }) => {
      const path = join(folder, name)
      const about = await readFile(join(path, ABOUT_FILE), 'utf8').then(parseAbout, () => undefined)
      const noted = await stat(join(path, ABOUT_FILE)).catch(() =>
        stat(path).catch(() => undefined),
      )
      return { path, about, begunAtMs: noted?.mtimeMs ?? Date.now() }
    }),
  )
}

function parseAbout(text: string): DownloadAbout | undefined {
  try {
    const { url, output } = JSON.parse(text) as Partial<DownloadAbout>
    return typeof url === 'string' && typeof output === 'string' ? { url, output } : undefined
  } catch {
    return undefined
  }
}
