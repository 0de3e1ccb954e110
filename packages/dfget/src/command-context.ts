import type { Environment } from '@df/kit'
import type { TextSink } from './progress/lines.ts'

/** What the command uses of its process. */
export interface CommandContext {
  version: string
  /** Without the names of node and the script. */
  argv: readonly string[]
  env: Environment
  cwd: string
  uid: number
  stdin: AsyncIterable<Uint8Array>
  stdout: TextSink
  stderr: TextSink
  /** Aborts with an {@link Interruption}. */
  signal: AbortSignal
}
