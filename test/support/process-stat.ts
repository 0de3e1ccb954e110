import { readFile } from 'node:fs/promises'

/** The most memory a process had resident so far (VmHWM of proc(5)), in bytes. */
export async function peakMemoryBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]
  if (kibibytes === undefined) throw new Error(`process ${pid} has no VmHWM`)
  return Number(kibibytes) * 1024
}

/** USER_HZ of every Linux that Node runs on. */
const ticksPerSecond = 100

/** CPU time that a process took so far (utime and stime of proc(5)), in seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may hold anything; utime is the 12th field behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}
