import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './command.ts'

export interface TempDirectory extends AsyncDisposable {
  readonly path: string
  /** Unmounts what is mounted below, and removes all. */
  remove(): Promise<void>
}

/** A folder for one test, with a short path: paths of unix sockets end at 108 bytes. */
export async function tempDirectory(): Promise<TempDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'df-'))
  const remove = async () => {
    await unmountBelow(path)
    await rm(path, { recursive: true, force: true, maxRetries: 5 })
  }
  return { path, remove, [Symbol.asyncDispose]: remove }
}

/** Mount points below a folder, deepest first. */
export async function mountsBelow(path: string): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n')
  return mounts
    .map((line) => line.split(' ')[1] ?? '')
    .filter((place) => place.startsWith(`${path}/`))
    .reverse()
}

export async function unmountBelow(path: string): Promise<void> {
  for (const place of await mountsBelow(path)) await run(['umount', '--lazy', place])
}
