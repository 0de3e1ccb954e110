import { readFileSync } from 'node:fs'
import { runProgram } from '@df/kit'
import { daemonCommands } from './commands.ts'
import { composeDaemon } from './compose.ts'
import { daemonConfig } from './config.ts'

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string }

const sendSignal = (pid: number, name: 'SIGHUP') => void process.kill(pid, name)

process.exitCode = await runProgram({
  program: 'dfdaemon',
  version,
  definition: daemonConfig,
  commands: daemonCommands(sendSignal),
  argv: process.argv.slice(2),
  env: process.env,
  compose: (config, { logger }) => composeDaemon(config, { logger, version }),
})
