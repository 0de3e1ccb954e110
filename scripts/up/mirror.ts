import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type ProgramName, type RunningProgram, startProgram } from '@df/testkit'
import { engineInstructions } from './instructions.ts'

export interface MirrorOptions {
  /** Registry that is mirrored. */
  upstreamUrl: string
  /** Contents, state and logs of both programs. */
  dataDir: string
}

/**
 * Runs a SuperNode and a dfdaemon on their default addresses until SIGINT or SIGTERM.
 * @throws Error when one of them does not start, or ends by itself
 */
export async function runMirror({ upstreamUrl, dataDir }: MirrorOptions): Promise<void> {
  const stopWanted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  await mkdir(dataDir, { recursive: true })
  await using running = new AsyncDisposableStack()
  const start = async (program: ProgramName, args: readonly string[]): Promise<RunningProgram> => {
    const started = await startProgram({
      program,
      args: ['--data-dir', join(dataDir, program), ...args],
      logPath: join(dataDir, `${program}.log`),
    })
    running.defer(async () => void (await started.daemon.stop()))
    return started
  }

  // What a user names as upstream he trusts, also on an internal address.
  const supernode = await start('supernode', ['--allow-origin', new URL(upstreamUrl).hostname])
  const dfdaemon = await start('dfdaemon', ['--upstream', upstreamUrl])
  const mirrorUrl = dfdaemon.addresses.get('mirror') ?? ''
  console.log(`SuperNode: ${supernode.urls[0]}
mirror of ${upstreamUrl}: ${mirrorUrl}
data and logs: ${dataDir}

${engineInstructions({ mirrorUrl, upstreamUrl })}

Running; Ctrl-C ends both.`)

  const endings = [supernode, dfdaemon].map(async ({ daemon }) => {
    const { code, signal } = await daemon.exited
    return `a program ended by itself (${code ?? signal}): ${daemon.stderr.slice(-1000)}`
  })
  const ending = await Promise.race([stopWanted, ...endings])
  if (ending !== undefined) throw new Error(ending)
}
