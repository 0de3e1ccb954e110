import { resolve } from 'node:path'
import type { ConfigDefinition, Environment } from './define.ts'
import { configError, type Fault } from './fault.ts'
import { resolveSettings } from './resolve.ts'
import type { Setting } from './setting.ts'
import { type Flags, readConfigFile, readEnvironment, readFlags, strayOperands } from './sources.ts'

export interface LoadOptions {
  /** Flags only, without the names of node, program and command. */
  argv: readonly string[]
  env: Environment
  cwd: string
}

export interface LoadedConfig<T> {
  config: T
  /** Where the value of each key comes from: `default`, a flag, a variable, or a file and key. */
  sources: Readonly<Record<string, string>>
  /** The configuration file that was read. */
  file?: string
}

/**
 * The configuration from defaults < file < environment < flags. Values given at a lower level are checked too.
 * @throws AppError CONFIG_INVALID with every fault found
 */
export function loadConfig<T>(
  definition: ConfigDefinition<T>,
  { argv, env, cwd }: LoadOptions,
): LoadedConfig<T> {
  const flags = readFlags(definition, argv, cwd)
  const faults = [...flags.faults, ...strayOperands(flags)]
  return loadWithFlags(definition, { flags: { ...flags, faults }, env, cwd })
}

/**
 * The same with a command line that is read already.
 * @throws AppError CONFIG_INVALID with every fault found
 */
export function loadWithFlags<T>(
  definition: ConfigDefinition<T>,
  { flags, env, cwd }: { flags: Flags } & Omit<LoadOptions, 'argv'>,
): LoadedConfig<T> {
  const environment = readEnvironment(definition, env, cwd)
  const named = flags.configFile ?? (env[`${definition.envPrefix}_CONFIG`] || undefined)
  const file = named === undefined ? undefined : resolve(cwd, named)
  const inFile = file === undefined ? undefined : readConfigFile(definition, file)
  const { values, sources, faults } = resolveSettings({
    settings: definition.settings,
    levels: [flags, environment, ...(inFile === undefined ? [] : [inFile])],
    defaults: definition.defaults(env),
    cwd,
    missing: (setting) => missing(definition, setting),
  })
  if (faults.length > 0) throw configError(faults)
  // Every leaf of the schema was read by its own rule, and required ones are there.
  const config = values as T
  const conflicts = definition.check(config).map((fault) => ({
    ...fault,
    where: [fault.where, sources[fault.where]].filter((part) => part !== 'default').join(' from '),
  }))
  if (conflicts.length > 0) throw configError(conflicts)
  return { config, sources, ...(file === undefined ? {} : { file }) }
}

/** The value at the setting's path, if any. */
export function valueOf(config: unknown, setting: Pick<Setting, 'path'>): unknown {
  return setting.path.reduce<unknown>(
    (at, name) => (at as Record<string, unknown> | undefined)?.[name],
    config,
  )
}

function missing(definition: ConfigDefinition<never>, setting: Setting): Fault {
  return {
    where: setting.flag,
    what: `is required (${setting.description})`,
    hint: `give ${setting.flag} ${setting.placeholder}, ${setting.env}, or ${setting.key} in the file of ${definition.program} --config`,
  }
}
