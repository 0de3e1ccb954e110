import { join } from 'node:path'
import { addMirror, registriesIn } from './registries-conf.ts'
import type { Files, RuntimePlan } from './runtime-plan.ts'

export interface ContainersSettings {
  /** URL. */
  mirror: string
  /** The registry that the mirror stands for. */
  registry: string
  /** The folder of `registries.conf`. */
  folder: string
}

const DROP_IN = '50-dragonfly.conf'

/**
 * What podman, buildah, skopeo and CRI-O read: a drop-in, or the file that has an entry for the registry already, since
 * a later entry hides an earlier one with all its settings (containers-registries.conf.d(5)).
 * @throws AppError CONFIG_INVALID
 */
export function planContainers(files: Files, settings: ContainersSettings): RuntimePlan {
  const { mirror, registry, folder } = settings
  const found = filesIn(files, folder).map((path) => {
    return { path, names: registriesIn(path, files.read(path) ?? '') }
  })
  const path =
    found.findLast(({ names }) => names.includes(registry))?.path ??
    join(folder, 'registries.conf.d', DROP_IN)
  const text = files.read(path)
  const created = text === undefined || !registriesIn(path, text).includes(registry)
  return {
    files: [
      {
        path,
        text: addMirror({ file: path, text, mirror }, registry),
        entry: { kind: 'registries.conf', registry, created },
        effect: 'pull',
      },
    ],
    notes: found.flatMap(({ path: file, names }) =>
      names
        .filter((name) => name.startsWith(`${registry}/`))
        .map(
          (name) => `${file} has an entry of its own for ${name}, which stays without the mirror`,
        ),
    ),
  }
}

/** `registries.conf` and its drop-ins, as far as they are there, in the order in which they are read. */
export function filesIn(files: Files, folder: string): string[] {
  const dropIns = join(folder, 'registries.conf.d')
  const names = (files.list(dropIns) ?? []).filter((name) => name.endsWith('.conf')).sort()
  const main = join(folder, 'registries.conf')
  return [
    ...(files.read(main) === undefined ? [] : [main]),
    ...names.map((name) => join(dropIns, name)),
  ]
}
