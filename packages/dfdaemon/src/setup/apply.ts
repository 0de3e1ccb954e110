import { AppError } from '@df/proto'
import type { Edit } from './edits.ts'
import type { FileState, RootedFiles } from './rooted-files.ts'

/**
 * Makes the edits, all or none: when one fails, those before it are taken back.
 * @throws AppError CONFIG_INVALID when a file is not as it was when the edits were made up; OUTPUT_FAILED
 */
export function applyEdits(files: RootedFiles, edits: readonly Edit[]): void {
  const before = edits.map(({ path }) => files.state(path))
  const moved = edits.find((edit, index) => before[index]?.text !== edit.before)
  if (moved !== undefined) {
    throw new AppError('CONFIG_INVALID', `${moved.path} was changed by others just now`, {
      hint: 'run it again; nothing was changed',
    })
  }
  const madeFolders: string[] = []
  edits.forEach((edit, index) => {
    try {
      if (edit.after !== undefined) makeFolders(files, edit.path, madeFolders)
      applyEdit(files, edit)
    } catch (error) {
      for (const [at, { path }] of edits.slice(0, index).entries()) restore(files, path, before[at])
      removeEmptyFolders(files, madeFolders)
      throw error
    }
  })
}

/** Removes folders of which each lies in the one before it or beside it, as far as nobody uses them. */
export function removeEmptyFolders(files: RootedFiles, folders: readonly string[]): void {
  for (const folder of folders.toReversed()) files.removeEmptyFolder(folder)
}

function makeFolders(files: RootedFiles, path: string, made: string[]): void {
  for (const folder of files.missingFolders(path)) {
    files.makeFolder(folder)
    made.push(folder)
  }
}

function applyEdit(files: RootedFiles, { path, after, rights }: Edit): void {
  if (after === undefined) files.remove(path)
  else files.write(path, after, rights)
}

function restore(files: RootedFiles, path: string, state: FileState | undefined): void {
  if (state === undefined) files.remove(path)
  else files.write(path, state.text, state)
}
