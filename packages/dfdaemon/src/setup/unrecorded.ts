import { join } from 'node:path'
import { configFiles } from './containerd.ts'
import type { Edit } from './edits.ts'
import { type Entry, saysNothing, withoutEntry } from './entry.ts'
import type { Machine } from './machine.ts'
import { filesIn } from './podman.ts'
import { registriesIn } from './registries-conf.ts'
import type { Effect, EnginePaths, Files } from './runtime-plan.ts'
import { type RecordName, runtimesOf } from './setup-record.ts'
import type { SetupTask } from './setup-task.ts'
import { isOwnFile } from './toml-text.ts'

interface Place {
  path: string
  entry: Entry
  effect: Effect
}

/**
 * Makes up how to take a mirror out of the files of an engine where no record says what they were: because the record
 * is lost, or because the mirror was put in by hand.
 * @throws AppError CONFIG_INVALID, OUTPUT_FAILED
 */
export function unrecordedTask(
  { files }: Machine,
  name: RecordName,
  { mirror, paths }: { mirror: string; paths: EnginePaths },
): SetupTask {
  const edits = placesOf(name, files, paths).flatMap(({ path, entry, effect }): Edit[] => {
    const before = files.read(path)
    if (before === undefined) return []
    const after = withoutEntry(entry, { file: path, text: before, mirror })
    if (after === before) return []
    const isLeftOver = isOwnFile(before) && saysNothing(entry, after)
    return [{ path, before, after: isLeftOver ? undefined : after, effect }]
  })
  const notes =
    edits.length === 0
      ? []
      : ['there is no record of a setup: the mirror is taken out, the rest stays']
  return {
    name,
    edits,
    notes,
    old: undefined,
    record: undefined,
    engines: { runtimes: runtimesOf(name), paths },
  }
}

function placesOf(name: RecordName, files: Files, paths: EnginePaths): Place[] {
  switch (name) {
    case 'docker':
      return [{ path: paths.dockerConfig, entry: { kind: 'daemon.json' }, effect: 'reload' }]
    case 'containers':
      return filesIn(files, paths.containersFolder).flatMap((path) =>
        registriesIn(path, files.read(path) ?? '').map((registry): Place => {
          const created = isOwnFile(files.read(path) ?? '')
          return { path, entry: { kind: 'registries.conf', registry, created }, effect: 'pull' }
        }),
      )
    case 'containerd':
      return containerdPlaces(files, paths)
  }
}

function containerdPlaces(files: Files, paths: EnginePaths): Place[] {
  const configs = configFiles(files, paths.containerdConfig)
  const folders = new Set([
    paths.containerdHosts,
    ...configs.flatMap(({ cri }) => [...cri.configPaths]),
  ])
  return [
    ...configs.map(({ path, cri }): Place => {
      const registries = [...cri.mirrors.keys()]
      return { path, entry: { kind: 'endpoints', registries, created: [] }, effect: 'restart' }
    }),
    ...[...folders].flatMap((folder) =>
      (files.list(folder) ?? []).map((host): Place => {
        const path = join(folder, host, 'hosts.toml')
        return { path, entry: { kind: 'hosts.toml' }, effect: 'pull' }
      }),
    ),
  ]
}
