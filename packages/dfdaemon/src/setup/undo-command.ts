import { type Command, defineCommand } from '@df/kit'
import { Type } from 'typebox'
import { beforeChanges } from './before-changes.ts'
import { carryOut } from './carry-out.ts'
import type { SendSignal } from './docker-daemon.ts'
import { checkedMirror } from './mirror-address.ts'
import { machineFlags, machineOf, pathFlags, pathsOf, writeFlags } from './place-flags.ts'
import { type Runtime, runtimes } from './runtime-plan.ts'
import { recordNameOf, recordNames } from './setup-record.ts'
import { undoTask } from './setup-task.ts'
import { unrecordedTask } from './unrecorded.ts'

const schema = Type.Object({
  ...writeFlags,
  mirror: Type.String({
    description: 'address to take out where there is no record of a setup',
    default: 'http://127.0.0.1:65001',
    unit: 'url',
  }),
  ...machineFlags,
  ...pathFlags,
})

/**
 * `dfdaemon undo`: takes out what setup put in. It needs no configuration of dfdaemon, which may be gone or wrong.
 */
export function undoCommand(sendSignal: SendSignal): Command {
  return defineCommand({
    name: 'undo',
    summary: 'Takes this dfdaemon out of the configuration of engines, which is then as it was.',
    operands: { form: '[docker|containerd|podman|crio…]', choices: runtimes },
    schema,
    examples: [
      ['dfdaemon undo', 'shows what changes back, asks, writes: for all engines'],
      ['dfdaemon undo docker --yes', 'without asking, for docker only'],
    ],
    async run({ operands, flags, io }) {
      const { dryRun, yes, noReload, restart } = flags
      const machine = machineOf(flags)
      const chosen = (operands as Runtime[]).map(recordNameOf)
      const names = new Set(chosen.length > 0 ? chosen : recordNames)
      const mirror = checkedMirror(flags.mirror)
      const tasks = beforeChanges(() =>
        [...names].map(
          (name) =>
            undoTask(machine, name) ??
            unrecordedTask(machine, name, { mirror, paths: pathsOf(flags) }),
        ),
      )
      const reload = { signal: sendSignal, isOff: noReload, canRestart: restart }
      return await carryOut(tasks, { machine, io, dryRun, yes, reload })
    },
  })
}
