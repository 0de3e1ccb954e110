import type { Environment } from '@df/kit'
import type { DaemonConfig } from '../config.ts'
import type { Probes } from './probes.ts'

/** `error`: pulls suffer, or peers are not used · `warning`: it works, but not as well or not for long. */
export type Level = 'ok' | 'warning' | 'error' | 'skipped'

/** What a check found, one line. */
export interface Finding {
  readonly level: Level
  /** What was looked at, and what is so. */
  readonly message: string
  /** A command or a setting; what is neither ok nor skipped has one. */
  readonly mend?: string
}

/** What checks look at. Nothing is changed. */
export interface DoctorContext {
  config: DaemonConfig
  /** Folder that stands for `/`. */
  root: string
  env: Environment
  uid: number
  /** Of this program. */
  version: string
  probes: Probes
  /** Ends what takes too long. */
  signal: AbortSignal
}

export interface Check {
  readonly name: string
  /** What it looks at, for `--help` and the guide. */
  readonly summary: string
  run(context: DoctorContext): Promise<Finding[]>
}

export function ok(message: string): Finding {
  return { level: 'ok', message }
}

export function warning(message: string, mend: string): Finding {
  return { level: 'warning', message, mend }
}

export function failure(message: string, mend: string): Finding {
  return { level: 'error', message, mend }
}

/** `message` says why. */
export function skipped(message: string): Finding {
  return { level: 'skipped', message }
}
