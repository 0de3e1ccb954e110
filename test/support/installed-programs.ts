import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runOk } from '@df/testkit'

export const programs = ['dfget', 'dfdaemon', 'supernode'] as const

const repository = join(import.meta.dirname, '../..')

/** Packs our programs and installs the packages below `directory`, as a user does. Gives the prefix, with `bin` in it. */
export async function installPrograms(directory: string): Promise<string> {
  const prefix = join(directory, 'p')
  await runOk(['npm', 'run', '--silent', 'build'], { cwd: repository })
  const workspaces = programs.flatMap((program) => ['-w', `packages/${program}`])
  await runOk(['npm', 'pack', ...workspaces, '--pack-destination', directory], { cwd: repository })
  const packages = (await readdir(directory)).filter((name) => name.endsWith('.tgz'))
  // An empty cache and no network: whatever is not in the packages is missing.
  const flags = ['--offline', '--cache', join(directory, 'cache'), '--prefix', prefix]
  await runOk(['npm', 'i', '-g', ...flags, ...packages.map((name) => join(directory, name))])
  return prefix
}
