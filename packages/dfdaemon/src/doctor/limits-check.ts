import { readFile } from 'node:fs/promises'
import { formatSize } from '@df/kit'
import { type Check, type Finding, ok, skipped, warning } from './check.ts'
import { mirrorFacts } from './daemon-facts.ts'

const ENOUGH_FILES = 4096
const ENOUGH_BYTES = 256 * 1024 ** 2

export interface LimitsFacts {
  /** Whose limits: a running dfdaemon, or this command, which has those of its shell. */
  whose: string
  openFiles: number | undefined
  availableBytes: number | undefined
}

/** Whether the system lets dfdaemon work. */
export const limitsCheck: Check = {
  name: 'limits',
  summary: 'open files and memory',
  async run(context) {
    const { listener, daemon } = await mirrorFacts(context)
    const pid = daemon === undefined ? undefined : listener?.pid
    const [limits, memory] = await Promise.all(
      [`/proc/${pid ?? 'self'}/limits`, '/proc/meminfo'].map((path) =>
        readFile(path, 'utf8').catch(() => ''),
      ),
    )
    return judgeLimits({
      whose: pid === undefined ? 'this shell' : `dfdaemon (process ${pid})`,
      openFiles: softLimit(limits ?? ''),
      availableBytes: availableMemory(memory ?? ''),
    })
  },
}

export function judgeLimits({ whose, openFiles, availableBytes }: LimitsFacts): Finding[] {
  return [fileFinding(whose, openFiles), memoryFinding(availableBytes)]
}

function fileFinding(whose: string, openFiles: number | undefined): Finding {
  if (openFiles === undefined) return skipped(`open files: the limit of ${whose} cannot be read`)
  const words = `${whose} may open ${openFiles === Infinity ? 'any number of' : openFiles} files`
  if (openFiles >= ENOUGH_FILES) return ok(words)
  const mend = 'LimitNOFILE=65536 in the unit of dfdaemon, or ulimit -n 65536 before it starts'
  return warning(`${words}, too few for many pulls at once`, mend)
}

function memoryFinding(availableBytes: number | undefined): Finding {
  if (availableBytes === undefined) return skipped('memory: /proc/meminfo does not say')
  const words = `${formatSize(availableBytes)} of memory available`
  if (availableBytes >= ENOUGH_BYTES) return ok(words)
  return warning(words, 'free memory, or give the machine more: dfdaemon takes up to 200 MiB')
}

/** The soft limit of open files, of the text of /proc/PID/limits (proc_pid_limits(5)). */
export function softLimit(text: string): number | undefined {
  const value = /^Max open files\s+(\S+)/m.exec(text)?.[1]
  if (value === undefined) return undefined
  return value === 'unlimited' ? Infinity : Number(value)
}

/** MemAvailable of the text of /proc/meminfo (proc_meminfo(5)), in bytes. */
export function availableMemory(text: string): number | undefined {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1]
  return kib === undefined ? undefined : Number(kib) * 1024
}
