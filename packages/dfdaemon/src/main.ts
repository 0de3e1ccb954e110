import { readFileSync } from 'node:fs'
import { runProgram } from '@df/kit'
import { composeDaemon } from './compose.ts'
import { daemonConfig } from './config.ts'
import { doctorCommand } from './doctor/command.ts'
import { genCaCommand } from './proxy/gen-ca.ts'
import { setupCommand } from './setup/setup-command.ts'
import { undoCommand } from './setup/undo-command.ts'
import { watchdogCommand } from './setup/watchdog-command.ts'

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string }

const sendSignal = (pid: number, name: 'SIGHUP') => void process.kill(pid, name)

process.exitCode = await runProgram({
  program: 'dfdaemon',
  version,
  definition: daemonConfig,
  commands: [
    doctorCommand,
    setupCommand(sendSignal),
    undoCommand(sendSignal),
    watchdogCommand(sendSignal),
    genCaCommand,
  ],
  argv: process.argv.slice(2),
  env: process.env,
  compose: (config, { logger }) => composeDaemon(config, { logger, version }),
})
