import type { Files } from '../setup/runtime-plan.ts'

/** Files of a machine, by path. Folders are there when something is in them, or when named with a slash at the end. */
export function memoryFiles(content: Readonly<Record<string, string>>): Files {
  const paths = Object.keys(content)
  return {
    read: (path) => content[path],
    list(folder) {
      const below = paths.filter((path) => path.startsWith(`${folder}/`))
      const names = below.map((path) => path.slice(folder.length + 1).split('/')[0] ?? '')
      return below.length === 0 ? undefined : [...new Set(names.filter((name) => name !== ''))]
    },
  }
}
