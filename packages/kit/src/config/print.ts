import { stringify } from 'yaml'
import type { ConfigDefinition } from './define.ts'
import { valueOf } from './load.ts'
import { tableAt } from './resolve.ts'
import { formatItem, type Setting } from './setting.ts'

const NOT_SHOWN = '(set, not shown)'

/**
 * The configuration as a YAML file that loads to the same values. Secrets are left out, with a comment.
 * With `sources`, a comment says where each value comes from that is not a default.
 */
export function printConfig<T>(
  definition: ConfigDefinition<T>,
  config: T,
  sources: Readonly<Record<string, string>> = {},
): string {
  const shown: Record<string, unknown> = {}
  const comments: string[] = []
  for (const setting of definition.settings) {
    const value = valueOf(config, setting)
    if (value === undefined) continue
    const source = sources[setting.key] ?? 'default'
    if (setting.secret) comments.push(`# ${setting.key}: ${NOT_SHOWN}`)
    else
      tableAt(shown, setting.path.slice(0, -1))[setting.path.at(-1) ?? ''] = fileForm(
        setting,
        value,
      )
    if (source !== 'default') comments.push(`# ${setting.key} comes from ${source}`)
  }
  const notes = comments.map((comment) => `${comment}\n`).join('')
  return `${notes}${stringify(shown, { lineWidth: 0 })}`
}

/** A value in the form the configuration file has. */
export function fileForm(setting: Setting, value: unknown): unknown {
  if (setting.shape === 'one') return formatItem(setting, value)
  if (Array.isArray(value)) return value.map((item) => formatItem(setting, item))
  const entries = Object.entries(value as Record<string, unknown>)
  return Object.fromEntries(entries.map(([name, item]) => [name, formatItem(setting, item)]))
}

/** One line for people: for logs, help and the reference. */
export function describeValue(setting: Setting, value: unknown): string {
  if (value === undefined) return 'not set'
  if (setting.secret) return NOT_SHOWN
  const form = fileForm(setting, value)
  if (typeof form !== 'object' || form === null) return String(form)
  if (Array.isArray(form)) return form.length === 0 ? 'none' : form.join(', ')
  const pairs = Object.entries(form)
  return pairs.length === 0 ? 'none' : pairs.map(([name, item]) => `${name}=${item}`).join(', ')
}
