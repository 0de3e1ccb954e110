import { isDeepStrictEqual } from 'node:util'
import type { ConfigDefinition } from './define.ts'
import { valueOf } from './load.ts'
import { describeValue } from './print.ts'
import { tableAt } from './resolve.ts'

interface ConfigChange {
  key: string
  /** Texts for a log; of secrets they say only whether there is one. */
  from: string
  to: string
}

export interface Reconfiguration<T> {
  /** The running configuration with the new values of reloadable keys. */
  config: T
  applied: ConfigChange[]
  /** Keys that would need a restart; `config` has their old values. */
  refused: ConfigChange[]
}

/** What a running program takes over from a configuration read again. */
export function reconfigure<T>(
  definition: ConfigDefinition<T>,
  running: T,
  wanted: T,
): Reconfiguration<T> {
  const config = structuredClone(running) as Record<string, unknown>
  const applied: ConfigChange[] = []
  const refused: ConfigChange[] = []
  for (const setting of definition.settings) {
    const from = valueOf(running, setting)
    const to = valueOf(wanted, setting)
    if (isDeepStrictEqual(from, to)) continue
    const change = {
      key: setting.key,
      from: describeValue(setting, from),
      to: describeValue(setting, to),
    }
    if (!setting.reloadable) {
      refused.push(change)
      continue
    }
    applied.push(change)
    const table = tableAt(config, setting.path.slice(0, -1))
    const name = setting.path.at(-1) ?? ''
    if (to === undefined) delete table[name]
    else table[name] = to
  }
  // A copy of a T in which values of the same settings were replaced.
  return { config: config as T, applied, refused }
}
