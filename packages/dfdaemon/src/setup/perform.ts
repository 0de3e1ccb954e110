import { emptyRegistryMirrors, registryMirrorsIn } from './daemon-json.ts'
import { dockerProcesses, reloadDocker } from './docker-daemon.ts'
import type { Edit } from './edits.ts'
import { type EngineTools, reloadCrio, restartContainerd } from './engine-reload.ts'
import type { Machine } from './machine.ts'
import { commit, type SetupTask } from './setup-task.ts'

/**
 * Writes what a task changes, and has engines notice. Gives sentences about what engines did or what is to be done.
 * @throws AppError CONFIG_INVALID when others changed a file meanwhile; OUTPUT_FAILED
 */
export async function perform(
  machine: Machine,
  task: SetupTask,
  tools: EngineTools,
): Promise<string[]> {
  const { edits, engines } = task
  if (task.name === 'docker') return await performDocker(machine, task, tools)
  commit(machine, task)
  if (edits.length === 0) return []
  const isRestartNeeded = edits.some(({ effect }) => effect === 'restart')
  return [
    ...(engines.runtimes.includes('crio') ? reloadCrio(machine.files, engines.paths, tools) : []),
    ...(isRestartNeeded ? [restartContainerd(tools)] : []),
  ]
}

async function performDocker(
  machine: Machine,
  task: SetupTask,
  { signal, isOff }: EngineTools,
): Promise<string[]> {
  const [edit] = task.edits
  const path = task.engines.paths.dockerConfig
  const processes = isOff ? [] : dockerProcesses(machine.files, path)
  const mirrors = edit && registryMirrorsIn(path, edit.after)
  if (edit === undefined || processes.length === 0) {
    commit(machine, task)
    if (edit === undefined) return []
    return [
      isOff
        ? 'docker reads it after: systemctl reload docker, or restart where mirrors were taken out'
        : 'docker does not run here: it reads it when it starts',
    ]
  }
  if (mirrors !== undefined) {
    commit(machine, task)
    return await Promise.all(processes.map((one) => reloadDocker(one, mirrors, signal)))
  }
  // A dockerd that reads a file without the key keeps the mirrors it has: so it reads one with an empty list first.
  const emptied = withEmptyList(machine, task, edit)
  const lines = await Promise.all(processes.map((one) => reloadDocker(one, [], signal)))
  commit(machine, emptied)
  return lines
}

/** Writes the file with an empty list of mirrors; undo knows that text too. Gives what is left to do. */
function withEmptyList(machine: Machine, task: SetupTask, edit: Edit): SetupTask {
  const { path, before } = edit
  const text = emptyRegistryMirrors(path, before)
  const old = task.old && {
    ...task.old,
    files: task.old.files.map((file) => ({ ...file, written: [text, ...file.written] })),
  }
  commit(machine, { ...task, edits: [{ ...edit, after: text }], record: old })
  return { ...task, old, edits: [{ ...edit, before: text }] }
}
