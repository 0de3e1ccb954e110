import type { Readable } from 'node:stream'
import type { Environment } from '../config/define.ts'

/** Where a command writes to. */
export interface CommandOutput {
  write(text: string): void
  /** Width of the terminal; undefined when it is none. */
  columns: number | undefined
}

/** What a command uses of its process. */
export interface CommandIo {
  stdin: Readable & { isTTY?: boolean }
  stdout: CommandOutput
  stderr: CommandOutput
  env: Environment
  cwd: string
  uid: number
  /** Aborts on SIGINT and SIGTERM. */
  signal: AbortSignal
  /** Of the program. */
  version: string
}
