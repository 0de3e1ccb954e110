import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig, silentLogger, startAll, stopAll } from '@df/kit'
import { composeSupernode, type Supernode } from '../compose.ts'
import { supernodeConfig } from '../config.ts'

export interface RunningSupernode extends AsyncDisposable {
  url: string
  dataDir: string
  supernode: Supernode
  /** Fetches a path of the API as JSON. */
  get(path: string): Promise<unknown>
  /** Ends it; the data directory stays. */
  stop(): Promise<void>
}

/** A SuperNode in this process, on a free port; its data directory goes at the end unless it was given. */
export async function bootSupernode(
  options: { dataDir?: string; listen?: string; flags?: string[] } = {},
): Promise<RunningSupernode> {
  if (options.dataDir !== undefined) return await boot(options.dataDir, options)
  const dataDir = await mkdtemp(join(tmpdir(), 'df-supernode-'))
  try {
    return await boot(dataDir, options)
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true })
    throw error
  }
}

async function boot(
  dataDir: string,
  options: { dataDir?: string; listen?: string; flags?: string[] },
): Promise<RunningSupernode> {
  const { config } = loadConfig(supernodeConfig, {
    argv: [
      `--listen=${options.listen ?? '127.0.0.1:0'}`,
      `--data-dir=${dataDir}`,
      '--allow-origin=127.0.0.0/8',
      ...(options.flags ?? []),
    ],
    env: {},
    cwd: dataDir,
  })
  const supernode = await composeSupernode(config, { logger: silentLogger(), version: '0.0.0' })
  await startAll(supernode.parts)
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    await stopAll(supernode.parts)
  }
  const url = supernode.ready()
  return {
    url,
    dataDir,
    supernode,
    async get(path) {
      const response = await fetch(url + path)
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
      return response.json()
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true })
    },
  }
}
