import type { Fault } from './fault.ts'
import { readNative } from './read-value.ts'
import type { Setting } from './setting.ts'
import type { SourceValues } from './sources.ts'

interface ResolveOptions {
  settings: readonly Setting[]
  /** The strongest first. */
  levels: readonly SourceValues[]
  /** Defaults that depend on the machine, by key, in the file's form. */
  defaults: Readonly<Record<string, unknown>>
  /** What relative paths among the defaults are relative to. */
  cwd: string
  /** What is said of a required setting without a value. */
  missing(setting: Setting): Fault
}

interface Resolved {
  /** The values, nested as the keys say. */
  values: Record<string, unknown>
  /** Where the value of each key comes from. */
  sources: Record<string, string>
  faults: Fault[]
}

/** The value of each setting from the strongest level that has one, else its default. */
export function resolveSettings(options: ResolveOptions): Resolved {
  const { settings, levels, defaults, cwd } = options
  const values: Record<string, unknown> = {}
  const sources: Record<string, string> = {}
  const faults = levels.flatMap((level) => level.faults)
  for (const setting of settings) {
    const found = chosen(setting, levels) ?? fallback(setting, defaults, cwd)
    const table = tableAt(values, setting.path.slice(0, -1))
    if (found.value !== undefined) table[setting.path.at(-1) ?? ''] = found.value
    else if (setting.required && !faults.some((fault) => isAbout(fault, setting))) {
      faults.push(options.missing(setting))
    }
    sources[setting.key] = found.where
  }
  return { values, sources, faults }
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

/** Whether a fault already says why the setting has no value. */
function isAbout(fault: Fault, setting: Setting): boolean {
  return (
    fault.where === setting.flag ||
    fault.where.startsWith(setting.env) ||
    fault.where.endsWith(`: ${setting.key}`)
  )
}
