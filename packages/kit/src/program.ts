import { AppError, errorInfo, toAppError } from '@df/proto'
import type { CommonConfig, ConfigDefinition, Environment } from './config/define.ts'
import { reconfigure } from './config/diff.ts'
import { loadConfig } from './config/load.ts'
import { nearest } from './config/nearest.ts'
import { printConfig } from './config/print.ts'
import { configReference, helpText } from './config/reference.ts'
import { readFlags } from './config/sources.ts'
import { type Startable, startAll, stopAll } from './lifecycle.ts'
import { createLogger, type Logger } from './log.ts'

/** A program put together but not started. */
export interface Composition<T> {
  /** Started in this order, stopped in reverse. */
  parts: Startable[]
  /** What follows the word `ready` on the line that says the program can serve: its addresses. */
  ready(): string
  /** Takes over new values of reloadable keys. */
  reload?(config: T): void
}

export interface ProgramOptions<T> {
  program: string
  version: string
  definition: ConfigDefinition<T>
  /** Without the names of node and the script. */
  argv: readonly string[]
  env: Environment
  compose(config: T, tools: { logger: Logger }): Promise<Composition<T>>
  /** The process it runs in. */
  host?: ProgramHost
}

/** The part of `process` that a program uses. */
interface ProgramHost {
  stdout: OutputStream
  stderr: OutputStream
  cwd(): string
  exit(code: number): void
  on(
    event: NodeJS.Signals | 'uncaughtException' | 'unhandledRejection',
    listener: (reason: unknown) => void,
  ): unknown
}

interface OutputStream {
  write(text: string): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** A stop that takes longer ends without what is left of it: supervisors and scripts count on 5 s. */
const STOP_DEADLINE_MS = 4500
/** A process that has nothing left to do but does not end is ended after this. */
const LINGER_MS = 200

/**
 * The life of a daemon in the foreground. Answers `--help`, `--version` and `config print|check|reference`;
 * else starts the parts, prints one line `ready …` on stdout, and runs until SIGTERM or SIGINT, which drain
 * within 5 s (a second one ends at once). SIGHUP reads the configuration again. Errors become one clear line
 * on stderr.
 *
 * Resolves with the exit code, and ends the process shortly after if something keeps it alive.
 */
export async function runProgram<T extends CommonConfig>(
  options: ProgramOptions<T>,
): Promise<number> {
  const host = options.host ?? process
  // Whoever read our output may be gone: that is no reason to stop serving.
  host.stdout.on('error', () => undefined)
  host.stderr.on('error', () => undefined)
  let code = 0
  try {
    const answer = answerOf(options, host)
    if (answer === undefined) await serve(options, host)
    else host.stdout.write(answer)
  } catch (thrown) {
    const error = toAppError(thrown)
    const hint = error.hint === undefined ? '' : `; ${error.hint}`
    host.stderr.write(`${options.program}: ${error.message}${hint}\n`)
    code = errorInfo(error.code).exit
  }
  setTimeout(() => host.exit(code), LINGER_MS).unref()
  return code
}

/** What a command line that only asks is answered with; undefined when the program is to run. */
function answerOf<T>(options: ProgramOptions<T>, host: ProgramHost): string | undefined {
  const { program, version, definition, argv, env } = options
  const [command, subcommand, ...rest] = argv
  const cwd = host.cwd()
  const flags = readFlags(definition, argv, cwd)
  if (flags.help) return helpText(definition)
  if (flags.version) return `${program} ${version}\n`
  if (command !== 'config') return undefined
  switch (subcommand ?? '') {
    case 'print': {
      const { config, sources } = loadConfig(definition, { argv: rest, env, cwd })
      return printConfig(definition, config, sources)
    }
    case 'check': {
      const { file } = loadConfig(definition, { argv: rest, env, cwd })
      return `the configuration is right${file === undefined ? '' : ` (${file})`}\n`
    }
    case 'reference':
      return configReference(definition)
    default: {
      const meant = nearest(subcommand ?? '', ['print', 'check', 'reference']) ?? 'check'
      throw new AppError('USAGE', `there is no command config ${subcommand ?? ''}`.trimEnd(), {
        hint: `did you mean ${program} config ${meant}?`,
      })
    }
  }
}

async function serve<T extends CommonConfig>(
  options: ProgramOptions<T>,
  host: ProgramHost,
): Promise<void> {
  const { program, definition, argv, env } = options
  const load = () => loadConfig(definition, { argv, env, cwd: host.cwd() }).config
  let config = load()
  const logger = createLogger({ program, level: config.logLevel })
  exitOnCrash(host, logger)
  const stopWanted = stopRequest(host, logger)
  let composition: Composition<T> | undefined
  host.on('SIGHUP', () => {
    try {
      config = reload(definition, config, load(), composition, logger)
    } catch (err) {
      logger.error({ err }, 'the configuration was not taken over')
    }
  })

  composition = await options.compose(config, { logger })
  await startAll(composition.parts)
  host.stdout.write(`ready ${composition.ready()}\n`)
  await stopWanted
  await stopAll(composition.parts)
  logger.info('stopped')
}

function reload<T extends CommonConfig>(
  definition: ConfigDefinition<T>,
  running: T,
  wanted: T,
  composition: Composition<T> | undefined,
  logger: Logger,
): T {
  const { config, applied, refused } = reconfigure(definition, running, wanted)
  if (refused.length > 0)
    logger.warn({ changes: refused }, 'changes that need a restart were ignored')
  logger.level = config.logLevel
  if (applied.length > 0) composition?.reload?.(config)
  logger.info({ changes: applied }, 'configuration read again')
  return config
}

/** Resolves at the first SIGTERM or SIGINT; a second one, or a stop without end, ends the process. */
function stopRequest(host: ProgramHost, logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    let asked = false
    const ask = (signal: unknown) => {
      if (asked) {
        host.exit(1)
        return
      }
      asked = true
      logger.info({ signal }, 'stopping')
      setTimeout(() => {
        logger.warn('stopped without waiting for the rest')
        host.exit(0)
      }, STOP_DEADLINE_MS).unref()
      resolve()
    }
    host.on('SIGTERM', ask)
    host.on('SIGINT', ask)
  })
}

function exitOnCrash(host: ProgramHost, logger: Logger): void {
  const crash = (err: unknown) => {
    logger.fatal({ err }, 'uncaught error')
    host.exit(1)
  }
  host.on('uncaughtException', crash)
  host.on('unhandledRejection', crash)
}
