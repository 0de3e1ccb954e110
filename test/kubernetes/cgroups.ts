import { mkdir, readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const root = '/sys/fs/cgroup'

/** A control group of that name at the top, in each hierarchy of the machine (one, or one for each controller). */
export async function makeCgroup(name: string): Promise<void> {
  for (const path of await places(name)) await mkdir(path, { recursive: true })
}

/** Removes it with all below, once the processes in it have ended. */
export async function removeCgroup(name: string): Promise<void> {
  for (const path of await places(name)) await removeBelow(path)
}

async function places(name: string): Promise<string[]> {
  const entries = await readdir(root)
  // Version 2 alone has the list of controllers at the top.
  if (entries.includes('cgroup.controllers')) return [join(root, name)]
  return entries.map((hierarchy) => join(root, hierarchy, name))
}

async function removeBelow(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await removeBelow(join(path, entry.name))
  for (let tries = 50; ; tries--) {
    try {
      return await rmdir(path)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return
      if (code !== 'EBUSY' || tries === 0) throw error
      await sleep(100)
    }
  }
}
