import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

export type ReadChild = ChildProcessByStdio<null, Readable, Readable>

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/**
 * The end of a process, with all of its output read; children that it left and that hold its output open are not
 * waited for. Rejects when it could not be started.
 */
export async function exitOf(child: ReadChild): Promise<Exit> {
  const closed = once(child, 'close').catch(() => undefined)
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  await Promise.race([closed, sleep(1000)])
  child.stdout.destroy()
  child.stderr.destroy()
  return { code, signal }
}
