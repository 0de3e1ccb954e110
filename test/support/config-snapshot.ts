import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What makes two files the same for whoever configured them: content, mode, owner; of a file or all below a folder. */
export async function configSnapshot(path: string): Promise<string[]> {
  const state = await stat(path)
  if (state.isDirectory()) {
    const names = (await readdir(path, { recursive: true })).sort()
    const lines = await Promise.all(names.map((name) => lineOf(join(path, name))))
    return [await lineOf(path), ...lines]
  }
  return [await lineOf(path)]
}

async function lineOf(path: string): Promise<string> {
  const state = await stat(path)
  const content = state.isFile() ? await readFile(path) : ''
  const hash = createHash('sha256').update(content).digest('hex')
  return `${path} ${state.mode.toString(8)} ${state.uid}:${state.gid} ${hash}`
}
