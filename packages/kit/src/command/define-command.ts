import { AppError } from '@df/proto'
import { type Static, type TObject, type TProperties, Type } from 'typebox'
import type { ConfigDefinition } from '../config/define.ts'
import { configError, type Fault } from '../config/fault.ts'
import { loadWithFlags } from '../config/load.ts'
import { nearest } from '../config/nearest.ts'
import { resolveSettings } from '../config/resolve.ts'
import { type Setting, settingsOf } from '../config/setting.ts'
import { type Flags, readFlags } from '../config/sources.ts'
import type { CommandIo } from './command-io.ts'

/** The words a command takes besides its flags. */
export interface Operands {
  /** How help writes them: `RUNTIME…`. */
  form: string
  /** How many there must be at least; 0 when absent. */
  min?: number
  /** How many there may be; any number when absent. */
  max?: number
  /** What they can be; anything when absent. */
  choices?: readonly string[]
}

export interface CommandInput<F, C> {
  operands: readonly string[]
  /** Values of the command's own flags. */
  flags: F
  /** The program's configuration, when the command asked for it; its flags are then accepted too. */
  config: C
  io: CommandIo
}

export interface CommandOptions<P extends TProperties, C> {
  name: string
  /** What it does, one line. */
  summary: string
  operands?: Operands
  /** Its flags, with the keywords of settings. */
  schema?: TObject<P>
  /** The program's configuration, for commands that need it. */
  config?: ConfigDefinition<C>
  /** Command lines and what they do. */
  examples?: readonly (readonly [command: string, effect: string])[]
  /**
   * Gives the exit code.
   * @throws AppError which becomes one line on stderr and its exit code
   */
  run(input: CommandInput<Static<TObject<P>>, C>): Promise<number>
}

/** A command of a program: `dfdaemon setup docker --yes`. */
export interface Command {
  readonly name: string
  readonly summary: string
  readonly operands: Operands | undefined
  readonly examples: readonly (readonly [command: string, effect: string])[]
  /** Its own flags. */
  readonly settings: readonly Setting[]
  /** Settings of the program that it accepts as flags too. */
  readonly programSettings: readonly Setting[]
  /** Whether the words after the command's name are what `run` takes; runs nothing. @throws AppError CONFIG_INVALID, USAGE */
  check(argv: readonly string[], where: Pick<CommandIo, 'cwd' | 'env'>): void
  /** Takes the words after the command's name. @throws AppError CONFIG_INVALID, USAGE, and what the command throws */
  run(argv: readonly string[], io: CommandIo): Promise<number>
}

/** @throws TypeError when the schema cannot be flags, or a flag of it is a setting of the program: a bug */
export function defineCommand<const P extends TProperties, C = undefined>(
  options: CommandOptions<P, C>,
): Command {
  const { name, summary, operands, config, examples = [] } = options
  const settings = settingsOf('', (options.schema ?? Type.Object({})).properties)
  const programSettings = config?.settings ?? []
  const taken = programSettings.map(({ key }) => key)
  const twice = settings.find(({ key }) => taken.includes(key))
  if (twice !== undefined) throw new TypeError(`${name}: ${twice.key} is a setting of the program`)

  function parse(argv: readonly string[], { cwd, env }: Pick<CommandIo, 'cwd' | 'env'>) {
    const given = readFlags({ settings: [...settings, ...programSettings] }, argv, cwd)
    checkConfigFlag(given, config === undefined)
    checkOperands(name, operands, given.operands)
    const own = resolveSettings({ settings, levels: [given], defaults: {}, cwd, missing })
    if (own.faults.length > 0) throw configError(own.faults)
    return {
      operands: given.operands,
      flags: own.values as Static<TObject<P>>, // each flag was read by its own rule
      config: (config === undefined
        ? undefined
        : loadWithFlags(config, { flags: given, env, cwd }).config) as C,
    }
  }

  return {
    ...{ name, summary, operands, examples, settings, programSettings },
    check: (argv, where) => void parse(argv, where),
    run: async (argv, io) => await options.run({ ...parse(argv, io), io }),
  }
}

function checkConfigFlag({ configFile }: Flags, isUnused: boolean): void {
  if (!isUnused || configFile === undefined) return
  throw configError([{ where: '--config', what: 'this command reads no configuration' }])
}

/** @throws AppError USAGE */
function checkOperands(command: string, rule: Operands | undefined, given: readonly string[]) {
  const { min = 0, max = Number.POSITIVE_INFINITY, choices, form } = rule ?? { max: 0, form: '' }
  const usage = `write ${command} ${form}`.trimEnd()
  const wrong = given.find((word) => choices !== undefined && !choices.includes(word))
  if (wrong !== undefined) {
    const meant = nearest(wrong, choices ?? [])
    throw new AppError('USAGE', `${command}: '${wrong}' is not one of ${choices?.join(', ')}`, {
      hint: meant === undefined ? usage : `did you mean ${meant}?`,
    })
  }
  if (given.length > max) {
    throw new AppError('USAGE', `${command}: '${given[max]}' is too much`, { hint: usage })
  }
  if (given.length < min) {
    throw new AppError('USAGE', `${command} needs ${form}`, { hint: choiceHint(choices) ?? usage })
  }
}

function choiceHint(choices: readonly string[] | undefined): string | undefined {
  return choices === undefined ? undefined : `one of ${choices.join(', ')}`
}

function missing(setting: Setting): Fault {
  return {
    where: setting.flag,
    what: `is required (${setting.description})`,
    hint: `give ${setting.flag} ${setting.placeholder}`,
  }
}
