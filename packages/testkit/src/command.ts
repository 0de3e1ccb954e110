import { spawn } from 'node:child_process'
import { exitOf } from './child-exit.ts'

/** Where a command runs: put in front of it, with variables added to its environment. */
export interface Enclosure {
  command: readonly string[]
  env: Readonly<Record<string, string>>
}

export interface RunOptions {
  env?: Readonly<Record<string, string>>
  cwd?: string
  within?: Enclosure | undefined
  /** SIGKILL after so long; the result's code is then null. Default 120 s. */
  timeoutMs?: number
}

export interface RunResult {
  /** null when a signal ended it. */
  code: number | null
  stdout: string
  stderr: string
  durationMs: number
}

/** Runs a command to its end, whatever its exit code. */
export async function run(
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { env, cwd, within, timeoutMs = 120_000 } = options
  const [program = '', ...args] = [...(within?.command ?? []), ...command]
  const startMs = performance.now()
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...within?.env, ...env },
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    ...(cwd === undefined ? {} : { cwd }),
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    stdout += part
  })
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    stderr += part
  })
  const { code } = await exitOf(child)
  return { code, stdout, stderr, durationMs: Math.round(performance.now() - startMs) }
}

/** Runs a command that must succeed, and gives what it printed, without white space at the ends. */
export async function runOk(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, options)
  if (code === 0) return stdout.trim()
  throw new Error(`${command.join(' ')} ended with ${code}: ${stderr.trim() || stdout.trim()}`)
}

/** One enclosure inside another. */
export function nest(outer: Enclosure, inner: Enclosure): Enclosure {
  return {
    command: [...outer.command, ...inner.command],
    env: { ...outer.env, ...inner.env },
  }
}
