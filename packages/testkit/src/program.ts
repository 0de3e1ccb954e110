import { dirname, join } from 'node:path'
import { Daemon, type DaemonOptions } from './daemon.ts'

export type ProgramName = 'supernode' | 'dfdaemon' | 'dfget'

export interface ProgramOptions extends Omit<DaemonOptions, 'command'> {
  program: ProgramName
  args: readonly string[]
  /** Default `dist`: what users run, so built first. `source` needs no build. */
  from?: 'dist' | 'source'
  /** Time until it must be ready; default 20 s. */
  timeoutMs?: number
}

export interface RunningProgram {
  daemon: Daemon
  /** The line that it printed when it was ready. */
  readyLine: string
  /** The URLs in that line, in its order. */
  urls: readonly string[]
  /** `name=value` pairs of that line. */
  addresses: ReadonlyMap<string, string>
}

const packages = join(import.meta.dirname, '../..')

/** Starts one of our daemons, and waits for its `ready ` line. */
export async function startProgram(options: ProgramOptions): Promise<RunningProgram> {
  const { program, args, from, timeoutMs, ...rest } = options
  const daemon = new Daemon({ ...rest, command: [...programCommand(program, from), ...args] })
  const readyLine = await daemon
    .until(() => /^ready .*(?=\n)/m.exec(daemon.stdout)?.[0], timeoutMs)
    .catch(async (error: unknown) => {
      await daemon.kill()
      throw error
    })
  return {
    daemon,
    readyLine,
    urls: readyLine.match(/https?:\/\/[^\s,;]+/g) ?? [],
    addresses: new Map(
      [...readyLine.matchAll(/(\S+?)=(\S+)/g)].map(([, k = '', v = '']) => [k, v]),
    ),
  }
}

/**
 * How one of our programs is run, to put arguments behind; for commands that end, with `run`. The built ones are started
 * as a shell would, by their first line, which has options for Node in it.
 */
export function programCommand(program: ProgramName, from: 'dist' | 'source' = 'dist'): string[] {
  const directory = join(packages, program)
  const path = `PATH=${dirname(process.execPath)}:${process.env['PATH']}`
  return from === 'dist'
    ? ['env', path, join(directory, 'bin', `${program}.js`)]
    : [process.execPath, '--conditions=df-source', join(directory, 'src/main.ts')]
}
