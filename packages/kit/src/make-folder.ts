import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder, and those above it that are missing. Node's own recursive `mkdir` never ends below a folder that takes
 * none, such as `/proc` (Node 24.21).
 * @throws the error of the system
 */
export async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdirUnlessThere(path, mode)
  } catch (error) {
    const above = dirname(path)
    if (!hasCode(error, 'ENOENT') || above === path) throw error
    if (!(await isFolder(above))) await makeFolder(above, mode)
    // Somebody else may have made the one above just now.
    await mkdirUnlessThere(path, mode)
  }
}

async function mkdirUnlessThere(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (!hasCode(error, 'EEXIST') || !(await isFolder(path))) throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
