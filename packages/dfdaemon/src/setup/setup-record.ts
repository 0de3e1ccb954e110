import { join } from 'node:path'
import type { Entry } from './entry.ts'
import type { FileState, RootedFiles } from './rooted-files.ts'
import { type Effect, type EnginePaths, type Runtime, runtimes } from './runtime-plan.ts'

/** A file that setup changed. */
export interface RecordedFile {
  path: string
  entry: Entry
  effect: Effect
  /** As it was without us, to be restored exactly; null when there was none. */
  original: FileState | null
  /** Texts that we wrote, the newest last: more than one only so that a crash between two of them can be undone. */
  written: string[]
}

/** What setup did for one engine, and all that undo needs. */
export interface SetupRecord {
  version: 1
  /** podman and CRI-O share one. */
  runtimes: Runtime[]
  /** URL that was put in. */
  mirror: string
  paths: EnginePaths
  /** The watchdog took it out until dfdaemon is healthy again. */
  isSuspended: boolean
  files: RecordedFile[]
  /** Folders that setup made, the outermost first. */
  madeFolders: string[]
}

export type RecordName = 'docker' | 'containerd' | 'containers'

export const recordNames: readonly RecordName[] = ['docker', 'containerd', 'containers']

/** podman, CRI-O, skopeo and buildah read the same files. */
export function recordNameOf(runtime: Runtime): RecordName {
  return runtime === 'podman' || runtime === 'crio' ? 'containers' : runtime
}

export function runtimesOf(name: RecordName): Runtime[] {
  return runtimes.filter((runtime) => recordNameOf(runtime) === name)
}

/** How users are told of it. */
export function recordTitle(name: RecordName): string {
  return name === 'containers' ? 'podman and CRI-O' : name
}

const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/** Records on disk, one file for each. Nobody else may read them: configurations can hold passwords. */
export class SetupRecords {
  readonly #files: RootedFiles
  readonly #folder: string

  constructor(files: RootedFiles, folder: string) {
    this.#files = files
    this.#folder = folder
  }

  /** Undefined also when it cannot be understood. @throws AppError OUTPUT_FAILED when it cannot be read */
  get(name: RecordName): SetupRecord | undefined {
    const text = this.#files.read(this.#path(name))
    if (text === undefined) return undefined
    try {
      const record = JSON.parse(text) as SetupRecord
      return record.version === 1 ? record : undefined
    } catch {
      return undefined
    }
  }

  /** The record's file, where there is one that cannot be understood. @throws AppError OUTPUT_FAILED */
  broken(name: RecordName): string | undefined {
    const path = this.#path(name)
    return this.#files.read(path) !== undefined && this.get(name) === undefined ? path : undefined
  }

  /** @throws AppError OUTPUT_FAILED */
  put(name: RecordName, record: SetupRecord): void {
    this.#files.makeFolder(this.#folder, FOLDER_MODE)
    const text = `${JSON.stringify(record, undefined, 2)}\n`
    this.#files.write(this.#path(name), text, { mode: FILE_MODE })
  }

  /** @throws AppError OUTPUT_FAILED */
  delete(name: RecordName): void {
    this.#files.remove(this.#path(name))
    this.#files.removeEmptyFolder(this.#folder)
  }

  /** What there is a record of. */
  names(): RecordName[] {
    return recordNames.filter((name) => this.get(name) !== undefined)
  }

  #path(name: RecordName): string {
    return join(this.#folder, `${name}.json`)
  }
}
