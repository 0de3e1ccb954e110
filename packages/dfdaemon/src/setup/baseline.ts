import { join } from 'node:path'
import { saysNothing, withoutEntry } from './entry.ts'
import type { Files } from './runtime-plan.ts'
import type { RecordedFile, SetupRecord } from './setup-record.ts'

/** How a recorded file is now. */
export interface Found {
  /** `ours`: as we wrote it · `original`: as it was before · `changed`: by others, since. */
  state: 'ours' | 'original' | 'changed'
  /** What it would be without us; undefined when there would be none. */
  baseline: string | undefined
}

/**
 * Compares a recorded file with what is there now.
 * @throws AppError CONFIG_INVALID when others left it in a state that our entry cannot be taken out of
 */
export function foundIn(recorded: RecordedFile, mirror: string, text: string | undefined): Found {
  const original = recorded.original?.text
  if (text === original) return { state: 'original', baseline: text }
  if (text === undefined) return { state: 'changed', baseline: undefined }
  if (recorded.written.includes(text)) return { state: 'ours', baseline: original }
  const { path: file, entry } = recorded
  const without = withoutEntry(entry, { file, text, mirror })
  const isLeftOver = without !== text && original === undefined && saysNothing(entry, without)
  return { state: 'changed', baseline: isLeftOver ? undefined : without }
}

/** The files of a machine as they would be without what a record says we put into them. */
export class BaselineFiles implements Files {
  readonly #files: Files
  readonly #record: SetupRecord | undefined

  constructor(files: Files, record: SetupRecord | undefined) {
    this.#files = files
    this.#record = record
  }

  read(path: string): string | undefined {
    const text = this.#files.read(path)
    const recorded = this.#recorded(path)
    if (recorded === undefined || this.#record === undefined) return text
    return foundIn(recorded, this.#record.mirror, text).baseline
  }

  list(folder: string): string[] | undefined {
    const names = this.#files.list(folder)
    const others = names?.filter((name) => !this.#isOurs(join(folder, name)))
    return others?.length === 0 && this.#isMade(folder) ? undefined : others
  }

  #isOurs(path: string): boolean {
    if (this.#isMade(path)) return this.list(path) === undefined
    return this.#recorded(path) !== undefined && this.read(path) === undefined
  }

  #isMade(folder: string): boolean {
    return this.#record?.madeFolders.includes(folder) ?? false
  }

  #recorded(path: string): RecordedFile | undefined {
    return this.#record?.files.find((file) => file.path === path)
  }
}
