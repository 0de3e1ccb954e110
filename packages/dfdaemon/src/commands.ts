import type { Command } from '@df/kit'
import { doctorCommand } from './doctor/command.ts'
import { genCaCommand } from './proxy/gen-ca.ts'
import type { SendSignal } from './setup/docker-daemon.ts'
import { setupCommand } from './setup/setup-command.ts'
import { undoCommand } from './setup/undo-command.ts'
import { watchdogCommand } from './setup/watchdog-command.ts'

/** The commands of dfdaemon beside serving, in the order of its help. `sendSignal` is how engines are told. */
export function daemonCommands(sendSignal: SendSignal): Command[] {
  return [
    doctorCommand,
    setupCommand(sendSignal),
    undoCommand(sendSignal),
    watchdogCommand(sendSignal),
    genCaCommand,
  ]
}
