import { resolve } from 'node:path'
import type { ConfigDefinition, Environment } from './define.ts'
import { configError, type Fault } from './fault.ts'
import { readNative } from './read-value.ts'
import type { Setting } from './setting.ts'
import { readConfigFile, readEnvironment, readFlags, type SourceValues } from './sources.ts'

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
  const environment = readEnvironment(definition, env, cwd)
  const named = flags.configFile ?? (env[`${definition.envPrefix}_CONFIG`] || undefined)
  const file = named === undefined ? undefined : resolve(cwd, named)
  const inFile = file === undefined ? undefined : readConfigFile(definition, file)
  const levels = [flags, environment, ...(inFile === undefined ? [] : [inFile])]
  const faults = levels.flatMap((level) => level.faults)
  const defaults = definition.defaults(env)

  const config: Record<string, unknown> = {}
  const sources: Record<string, string> = {}
  for (const setting of definition.settings) {
    const found = chosen(setting, levels) ?? fallback(setting, defaults, cwd)
    const table = tableAt(config, setting.path.slice(0, -1))
    if (found.value !== undefined) table[setting.path.at(-1) ?? ''] = found.value
    else if (setting.required && !faults.some((fault) => isAbout(fault, setting))) {
      faults.push(missing(definition, setting))
    }
    sources[setting.key] = found.where
  }
  if (faults.length > 0) throw configError(faults)
  // Every leaf of the schema was read by its own rule, and required ones are there.
  const complete = config as T
  const conflicts = definition.check(complete).map((fault) => ({
    ...fault,
    where: [fault.where, sources[fault.where]].filter((part) => part !== 'default').join(' from '),
  }))
  if (conflicts.length > 0) throw configError(conflicts)
  return { config: complete, sources, ...(file === undefined ? {} : { file }) }
}

/** The value at the setting's path, if any. */
export function valueOf(config: unknown, setting: Pick<Setting, 'path'>): unknown {
  return setting.path.reduce<unknown>(
    (at, name) => (at as Record<string, unknown> | undefined)?.[name],
    config,
  )
}

/** The table at the path, made when it is not there. */
export function tableAt(
  config: Record<string, unknown>,
  path: readonly string[],
): Record<string, unknown> {
  return path.reduce((at, name) => {
    at[name] ??= {}
    return at[name] as Record<string, unknown>
  }, config)
}

function chosen(setting: Setting, levels: readonly SourceValues[]) {
  return levels.map((level) => level.values.get(setting.key)).find((found) => found !== undefined)
}

function fallback(setting: Setting, defaults: Readonly<Record<string, unknown>>, cwd: string) {
  const given = defaults[setting.key] ?? setting.default
  if (given === undefined) return { value: undefined, where: 'default' }
  const read = readNative(setting, given, cwd)
  return { value: 'value' in read ? read.value : undefined, where: 'default' }
}

function missing(definition: ConfigDefinition<never>, setting: Setting): Fault {
  return {
    where: setting.flag,
    what: `is required (${setting.description})`,
    hint: `give ${setting.flag} ${setting.placeholder}, ${setting.env}, or ${setting.key} in the file of ${definition.program} --config`,
  }
}

/** Whether a fault already says why the setting has no value. */
function isAbout(fault: Fault, setting: Setting): boolean {
  return (
    fault.where === setting.flag ||
    fault.where.startsWith(setting.env) ||
    fault.where.endsWith(`: ${setting.key}`)
  )
}
