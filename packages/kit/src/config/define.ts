import { type Static, type TObject, type TProperties, Type } from 'typebox'
import type { Fault } from './fault.ts'
import { readNative } from './read-value.ts'
import { type Setting, type SettingKeywords, settingsOf } from './setting.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface ConfigOptions<P extends TProperties> {
  program: string
  /** `SUPERNODE` makes the environment variables `SUPERNODE_…`. */
  envPrefix: string
  /** Leaves are text, numbers, booleans, choices (unions of literals), lists or maps of these, with {@link SettingKeywords}. */
  schema: TObject<P>
  /** What the program is, one sentence; the first line of help. */
  summary?: string
  /** Command lines and what they do; the end of help. */
  examples?: readonly (readonly [command: string, effect: string])[]
  /** Defaults that depend on the machine, by key, in the file's form. */
  defaults?: (env: Environment) => Readonly<Record<string, unknown>>
  /** What is wrong with values that are right each for itself; `where` is a key. */
  check?: (config: Static<TObject<P>>) => readonly Fault[]
}

/** A program's configuration: what can be set, and where from. */
export interface ConfigDefinition<T> {
  readonly program: string
  readonly envPrefix: string
  readonly summary: string
  readonly examples: readonly (readonly [command: string, effect: string])[]
  readonly settings: readonly Setting[]
  /** @internal */
  readonly defaults: (env: Environment) => Readonly<Record<string, unknown>>
  /** @internal */
  readonly check: (config: T) => readonly Fault[]
}

/** What every program can be told. */
export interface CommonConfig {
  logLevel: Static<typeof LogLevel>
}

const LogLevel = Type.Union(
  [
    Type.Literal('trace'),
    Type.Literal('debug'),
    Type.Literal('info'),
    Type.Literal('warn'),
    Type.Literal('error'),
    Type.Literal('fatal'),
  ],
  {
    description: 'least important messages to log: trace, debug, info, warn, error or fatal',
    placeholder: 'LEVEL',
    default: 'info',
    reloadable: true,
  } satisfies SettingKeywords,
)

/** Flags that every program has besides its settings. */
export const reservedFlags = ['--config', '--help', '--version'] as const

/**
 * The schema's settings and {@link CommonConfig}.
 * @throws TypeError when the schema is not a configuration: a bug of the program
 */
export function defineConfig<const P extends TProperties>(
  options: ConfigOptions<P>,
): ConfigDefinition<Static<TObject<P>> & CommonConfig> {
  const { program, envPrefix, schema, summary = '', examples = [] } = options
  const settings = settingsOf(envPrefix, { ...schema.properties, logLevel: LogLevel })
  const flags = [...reservedFlags, ...settings.map((setting) => setting.flag)]
  const twice = flags.find((flag, index) => flags.indexOf(flag) !== index)
  if (twice !== undefined) throw new TypeError(`two settings have the flag ${twice}`)
  for (const setting of settings) {
    if (setting.default === undefined) continue
    const read = readNative(setting, setting.default, '/')
    if ('faults' in read) {
      throw new TypeError(`the default of ${setting.key} ${read.faults[0]?.what}`)
    }
  }
  return {
    program,
    envPrefix,
    summary,
    examples,
    settings,
    defaults: options.defaults ?? (() => ({})),
    check: options.check ?? (() => []),
  }
}
