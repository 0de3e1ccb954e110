import type { CommandIo } from '@df/kit'
import { canAsk, isAgreed } from './agreement.ts'
import { diffText } from './diff.ts'
import type { EngineTools } from './engine-reload.ts'
import type { Machine } from './machine.ts'
import { perform } from './perform.ts'
import { recordTitle } from './setup-record.ts'
import type { SetupTask } from './setup-task.ts'

export interface CarryOutOptions {
  machine: Machine
  io: CommandIo
  dryRun: boolean
  yes: boolean
  reload: EngineTools
}

/** When nobody agreed to a change; documented with the commands. */
const NOT_AGREED = 2

/**
 * Shows what tasks change, asks unless told not to, writes, and has engines notice. Gives the exit code: 2 when there
 * is something to write and nobody agreed.
 * @throws AppError CONFIG_INVALID, OUTPUT_FAILED
 */
export async function carryOut(
  tasks: readonly SetupTask[],
  { machine, io, dryRun, yes, reload }: CarryOutOptions,
): Promise<number> {
  const { stdout, stderr } = io
  for (const { name, notes, edits } of tasks) {
    for (const note of notes) stdout.write(`${recordTitle(name)}: ${note}\n`)
    if (edits.length === 0) stdout.write(`${recordTitle(name)}: nothing to do\n`)
  }
  const edits = tasks.flatMap((task) => task.edits)
  stdout.write(diffText(edits))
  if (dryRun) return 0
  if (edits.length > 0 && !yes) {
    if (!canAsk(io)) {
      stderr.write('nothing was changed: say --yes to write without being asked\n')
      return NOT_AGREED
    }
    if (!(await isAgreed(io))) {
      stdout.write('nothing was changed\n')
      return NOT_AGREED
    }
  }
  for (const task of tasks) {
    for (const line of await perform(machine, task, reload)) stdout.write(`${line}\n`)
  }
  return 0
}
