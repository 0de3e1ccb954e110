import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A running program. */
export interface EngineProcess {
  pid: number
  args: readonly string[]
}

/**
 * The running processes of a program that see our files: those whose `path` is the same as `realPath` is for us. So an
 * engine in a container, with files of its own, is not taken for the one of this machine, while the one of the machine
 * that is mounted at `/host` is found. Those of others are left out when we may not look.
 */
export function findProcesses(
  program: string,
  pathOf: (args: readonly string[]) => string,
  realPath: string,
): EngineProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), args: commandLine(name) }))
    .filter(({ args: [command = ''] }) => command === program || command.endsWith(`/${program}`))
    .filter(({ pid, args }) => isSamePlace(join(`/proc/${pid}/root`, pathOf(args)), realPath))
}

/** The value of a flag as Go's flag packages take it: `--name value` or `--name=value`; short ones with one dash. */
export function flagValue(args: readonly string[], name: string, dash = '--'): string | undefined {
  const flag = `${dash}${name}`
  const at = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`))
  const arg = args[at]
  if (arg === undefined) return undefined
  return arg.includes('=') ? arg.slice(arg.indexOf('=') + 1) : args[at + 1]
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  } catch {
    return []
  }
}

/** Neither need be there: then the folders above them decide. */
function isSamePlace(theirs: string, ours: string): boolean {
  const [one, other] = [identity(theirs), identity(ours)]
  if (one !== undefined || other !== undefined) return one === other
  return ours !== '/' && isSamePlace(dirname(theirs), dirname(ours))
}

function identity(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path)
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}
