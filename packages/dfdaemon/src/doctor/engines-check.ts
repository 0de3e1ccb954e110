import { isAppError, toAppError } from '@df/proto'
import { configFiles } from '../setup/containerd.ts'
import type { Machine } from '../setup/machine.ts'
import { mirrorUrl } from '../setup/mirror-address.ts'
import { STATE_DIR, usualPaths } from '../setup/place-flags.ts'
import { planSettings } from '../setup/plan-settings.ts'
import { RootedFiles } from '../setup/rooted-files.ts'
import type { EnginePaths } from '../setup/runtime-plan.ts'
import {
  type RecordName,
  recordNames,
  recordTitle,
  runtimesOf,
  SetupRecords,
} from '../setup/setup-record.ts'
import { setupTask } from '../setup/setup-task.ts'
import { unrecordedTask } from '../setup/unrecorded.ts'
import {
  type Check,
  type DoctorContext,
  type Finding,
  failure,
  ok,
  skipped,
  warning,
} from './check.ts'

/** Whether the engines of this machine ask this dfdaemon, and what setup left behind. */
export const enginesCheck: Check = {
  name: 'engines',
  summary:
    'mirror configuration of docker, containerd, podman and CRI-O; what setup keeps for undo',
  async run(context) {
    const files = new RootedFiles(context.root)
    const machine = { files, records: new SetupRecords(files, STATE_DIR) }
    return recordNames.flatMap((name) => engineFindings(machine, name, context))
  },
}

function engineFindings(machine: Machine, name: RecordName, context: DoctorContext): Finding[] {
  try {
    return judge(machine, name, context)
  } catch (thrown) {
    const { message, hint, cause } = toAppError(thrown)
    if (isAppError(thrown, 'OUTPUT_FAILED') && isDenied(cause)) {
      return [skipped(`${recordTitle(name)}: ${message}; root can`)]
    }
    if (!isAppError(thrown)) throw thrown
    return [failure(`${recordTitle(name)}: ${message}`, hint ?? 'mend that file')]
  }
}

/** @throws AppError as setup does, for files that cannot be read or understood */
function judge(machine: Machine, name: RecordName, context: DoctorContext): Finding[] {
  const { config, root } = context
  const title = recordTitle(name)
  const there = root === '/' ? '' : ` --root ${root}`
  const again = `dfdaemon setup ${runtimesOf(name)[0]}${there}`
  const undo = `dfdaemon undo ${runtimesOf(name)[0]}${there}`
  const record = machine.records.get(name)
  const paths = record?.paths ?? usualPaths
  const broken = machine.records.broken(name)
  const kept =
    broken === undefined
      ? []
      : [failure(`${title}: what undo needs cannot be understood: ${broken}`, undo)]
  if (record === undefined && !isThere(machine, name, paths)) {
    return [...kept, skipped(`${title}: not on this machine`)]
  }
  if (record?.isSuspended === true) {
    const words = `${title}: the watchdog took the mirror out, as dfdaemon was unhealthy`
    return [
      warning(words, 'mend dfdaemon: the watchdog puts it back; without a watchdog: ' + again),
    ]
  }
  const mirror = mirrorUrl(config.listen)
  const mixed = name === 'containerd' ? mixedStyles(machine, paths) : []
  const isIn = unrecordedTask(machine, name, { mirror, paths }).edits.length > 0
  const settings = planSettings({
    machine,
    isThisMachine: root === '/',
    mirror,
    paths,
    config,
    registries: recordedRegistries(record),
  })
  if (record === undefined) {
    const found = isIn
      ? ok(`${title}: pointed at ${mirror}, by hand`)
      : skipped(`${title}: not pointed at this dfdaemon (${again})`)
    return [...kept, ...mixed, found]
  }
  if (record.mirror !== mirror) {
    const words = `${title}: pointed at ${record.mirror}, but dfdaemon listens at ${mirror}`
    return [...mixed, failure(words, again)]
  }
  const { edits } = setupTask(machine, name, { settings, chosen: record.runtimes })
  if (edits.length === 0) return [...mixed, ok(`${title}: pointed at ${mirror}`)]
  if (!isIn) {
    const words = `${title}: was set up, but the mirror is in none of its files any more`
    return [...mixed, failure(words, `${again}, or ${undo}`)]
  }
  const changed = edits.map(({ path }) => path).join(', ')
  return [...mixed, failure(`${title}: ${changed} is not as setup left it`, again)]
}

/** containerd refuses to start its CRI plugin when it is told both ways (its docs/cri/registry.md). */
function mixedStyles({ files }: Machine, paths: EnginePaths): Finding[] {
  const configs = configFiles(files, paths.containerdConfig)
  const byFolder = configs.find(({ cri }) => cri.configPaths.length > 0)
  const byTable = configs.find(({ cri }) => cri.mirrors.size > 0)
  if (byFolder === undefined || byTable === undefined) return []
  return [
    failure(
      `containerd: both config_path (${byFolder.path}) and registry.mirrors (${byTable.path}) are set, which it refuses`,
      `remove one of them, and restart containerd`,
    ),
  ]
}

/** Those that containerd was set up for. */
function recordedRegistries(record: ReturnType<SetupRecords['get']>): string[] {
  const named = record?.files.flatMap(({ entry, path }) => {
    if (entry.kind === 'endpoints') return entry.registries.map(plainName)
    return entry.kind === 'hosts.toml' ? [plainName(path.split('/').at(-2) ?? '')] : []
  })
  return named ?? []
}

function plainName(name: string): string {
  return name === '*' ? '_default' : name.replace(/_(\d+)_$/, ':$1')
}

/** Programs of engines; podman's configuration is there for skopeo and buildah too. */
const programs: Readonly<Record<RecordName, readonly string[]>> = {
  docker: ['dockerd'],
  containerd: ['containerd'],
  containers: ['podman', 'crio', 'skopeo', 'buildah'],
}

function isThere(machine: Machine, name: RecordName, paths: EnginePaths): boolean {
  const folders = ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/usr/local/sbin']
  const names = new Set(folders.flatMap((folder) => machine.files.list(folder) ?? []))
  return programs[name].some((program) => names.has(program)) || hasFiles(machine, name, paths)
}

function hasFiles({ files }: Machine, name: RecordName, paths: EnginePaths): boolean {
  switch (name) {
    case 'docker':
      return files.read(paths.dockerConfig) !== undefined
    case 'containerd':
      return (
        files.read(paths.containerdConfig) !== undefined ||
        files.list(paths.containerdHosts) !== undefined
      )
    case 'containers':
      return files.list(paths.containersFolder) !== undefined
  }
}

function isDenied(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EACCES'
}
