import { type Command, createLogger, defineCommand } from '@df/kit'
import { Type } from 'typebox'
import type { SendSignal } from './docker-daemon.ts'
import { machineFlags, machineOf } from './place-flags.ts'
import { type Runtime, runtimes } from './runtime-plan.ts'
import { recordNameOf, recordNames } from './setup-record.ts'
import { watchMirrors } from './watchdog.ts'

const schema = Type.Object({
  after: Type.Integer({
    description: 'how long dfdaemon must be unhealthy before the mirror is taken out',
    default: '30s',
    minimum: 0,
    unit: 'duration',
  }),
  back: Type.Integer({
    description: 'how long it must be healthy again before the mirror is put back',
    default: '10s',
    minimum: 0,
    unit: 'duration',
  }),
  ...machineFlags,
})

/** `dfdaemon watchdog`: a process of its own, as dfdaemon may be dead or hang. */
export function watchdogCommand(sendSignal: SendSignal): Command {
  return defineCommand({
    name: 'watchdog',
    summary: 'Takes the mirror out of engines that setup set up while dfdaemon is unhealthy.',
    operands: { form: '[docker|containerd|podman|crio…]', choices: runtimes },
    schema,
    examples: [
      ['dfdaemon watchdog --after 30s', 'watches over all engines that are set up, until SIGTERM'],
      ['dfdaemon watchdog docker --after 10s --back 1m', 'watches over docker only'],
    ],
    async run({ operands, flags, io: { stdout, signal } }) {
      const { after: afterMs, back: backMs, noReload, restart } = flags
      const machine = machineOf(flags)
      const chosen = (operands as Runtime[]).map(recordNameOf)
      const names = chosen.length > 0 ? [...new Set(chosen)] : recordNames
      const reload = { signal: sendSignal, isOff: noReload, canRestart: restart }
      const logger = createLogger({ program: 'dfdaemon-watchdog', level: 'info' })
      stdout.write(`ready watching=${names.join()}\n`)
      await watchMirrors({ machine, names, reload, logger, afterMs, backMs }, signal)
      return 0
    },
  })
}
