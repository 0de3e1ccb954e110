import { readFile } from 'node:fs/promises'

/** The most memory a process had resident so far (VmHWM of proc(5)), in bytes. */
export async function peakMemoryBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]
  if (kibibytes === undefined) throw new Error(`process ${pid} has no VmHWM`)
  return Number(kibibytes) * 1024
}
