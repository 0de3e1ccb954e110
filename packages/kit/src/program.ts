import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { AppError, errorInfo, toAppError } from '@df/proto'
import { commandFirst } from './command/command-first.ts'
import type { CommandIo, CommandOutput } from './command/command-io.ts'
import { completionScript } from './command/completion.ts'
import type { Command } from './command/define-command.ts'
import { configCommands, programCompletion } from './command/program-completion.ts'
import type { CommonConfig, ConfigDefinition, Environment } from './config/define.ts'
import { reconfigure } from './config/diff.ts'
import { loadConfig } from './config/load.ts'
import { nearest } from './config/nearest.ts'
import { printConfig } from './config/print.ts'
import { commandHelpText, configReference, helpText } from './config/reference.ts'
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
  /** What it can do besides running: `NAME command …`. */
  commands?: readonly Command[]
  /** Without the names of node and the script. */
  argv: readonly string[]
  env: Environment
  compose(config: T, tools: { logger: Logger }): Promise<Composition<T>>
  /** The process it runs in. */
  host?: ProgramHost
}

/** The part of `process` that a program uses. */
interface ProgramHost {
  stdin: Readable & { isTTY?: boolean }
  stdout: OutputStream
  stderr: OutputStream
  cwd(): string
  getuid?(): number
  exit(code: number): void
  on(
    event: NodeJS.Signals | 'uncaughtException' | 'unhandledRejection',
    listener: (reason: unknown) => void,
  ): unknown
}

interface OutputStream {
  isTTY?: boolean
  columns?: number
  write(text: string): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** A stop that takes longer ends without what is left of it: supervisors and scripts count on 5 s. */
const STOP_DEADLINE_MS = 4500
/** A process that has nothing left to do but does not end is ended after this. */
const LINGER_MS = 200

/**
 * The life of a daemon in the foreground. Answers `--help`, `--version`, `config print|check|reference` and
 * `completion bash|zsh`, runs a command of the program; else starts the parts, prints one line `ready …` on stdout,
 * and runs until SIGTERM or SIGINT, which drain within 5 s (a second one ends at once). SIGHUP reads the configuration
 * again. Errors become one clear line on stderr.
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
    const given = { ...options, argv: commandLine(options) }
    const command = options.commands?.find(({ name }) => name === given.argv[0])
    const answer = command === undefined ? answerOf(given, host) : commandAnswer(given, command)
    if (answer !== undefined) host.stdout.write(answer)
    else if (command !== undefined) code = await runCommand(command, given, host)
    else await serve(given, host)
  } catch (thrown) {
    const error = toAppError(thrown)
    const hint = error.hint === undefined ? '' : `; ${error.hint}`
    host.stderr.write(`${options.program}: ${error.message}${hint}\n`)
    code = errorInfo(error.code).exit
  }
  setTimeout(() => host.exit(code), LINGER_MS).unref()
  return code
}

/** The words given, with the command first, and that of `config` behind it. */
function commandLine<T>({ argv, definition, commands = [] }: ProgramOptions<T>): readonly string[] {
  const takesValue = (flag: string) =>
    flag === '--config' ||
    definition.settings.some((setting) => setting.flag === flag && setting.kind !== 'switch')
  const names = [...commands.map(({ name }) => name), 'config', 'completion']
  const words = commandFirst(argv, { names, takesValue })
  if (words[0] !== 'config') return words
  return ['config', ...commandFirst(words.slice(1), { names: configCommands, takesValue })]
}

/** `dfdaemon setup --help` */
function commandAnswer<T>(options: ProgramOptions<T>, command: Command): string | undefined {
  const asks = options.argv.some((word) => word === '--help' || word === '-h')
  return asks ? commandHelpText(options.program, command) : undefined
}

async function runCommand<T>(
  command: Command,
  { argv, env, version }: ProgramOptions<T>,
  host: ProgramHost,
): Promise<number> {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    host.on(name, () => {
      // The second one ends a command that does not heed the first.
      if (stop.signal.aborted) host.exit(128 + constants.signals[name])
      stop.abort(new DOMException(`ended by ${name}`, 'AbortError'))
    })
  }
  const io: CommandIo = {
    stdin: host.stdin,
    stdout: outputOf(host.stdout),
    stderr: outputOf(host.stderr),
    env,
    cwd: host.cwd(),
    uid: host.getuid?.() ?? 0,
    signal: stop.signal,
    version,
  }
  return await command.run(argv.slice(1), io)
}

function outputOf(stream: OutputStream): CommandOutput {
  return {
    write: (text) => void stream.write(text),
    // A terminal that does not know its width says 0.
    columns: stream.isTTY === true ? stream.columns || 80 : undefined,
  }
}

/** What a command line that only asks is answered with; undefined when the program is to run. */
function answerOf<T>(options: ProgramOptions<T>, host: ProgramHost): string | undefined {
  const { program, version, definition, argv, env, commands = [] } = options
  const [command = '', subcommand, ...rest] = argv
  const cwd = host.cwd()
  const flags = readFlags(definition, argv, cwd)
  if (flags.help) return helpText(definition, commands)
  if (flags.version) return `${program} ${version}\n`
  if (command === '' || command.startsWith('-')) return undefined
  if (command === 'completion') {
    return completionScript(program, argv.slice(1), programCompletion(definition, commands))
  }
  if (command !== 'config') throw unknownCommand(program, command, commands)
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
      const meant = nearest(subcommand ?? '', configCommands) ?? 'check'
      throw new AppError('USAGE', `there is no command config ${subcommand ?? ''}`.trimEnd(), {
        hint: `did you mean ${program} config ${meant}?`,
      })
    }
  }
}

function unknownCommand(program: string, word: string, commands: readonly Command[]): AppError {
  const meant = nearest(word, ['config', 'completion', ...commands.map(({ name }) => name)])
  return new AppError('USAGE', `there is no command ${word}`, {
    hint:
      meant === undefined
        ? `${program} --help tells what there is`
        : `did you mean ${program} ${meant}?`,
  })
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
