import { readFileSync } from 'node:fs'
import { runProgram } from '@df/kit'
import { composeSupernode } from './compose.ts'
import { supernodeConfig } from './config.ts'

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string }

process.exitCode = await runProgram({
  program: 'supernode',
  version,
  definition: supernodeConfig,
  argv: process.argv.slice(2),
  env: process.env,
  compose: (config, { logger }) => composeSupernode(config, { logger, version }),
})
