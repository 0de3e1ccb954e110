import { request } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { sleep } from '@df/kit'
import { type EngineProcess, findProcesses, flagValue } from './engine-process.ts'
import { isSameUrl } from './hosts-toml.ts'
import type { RootedFiles } from './rooted-files.ts'

/** What dockerd reads unless told otherwise. */
export const DOCKER_CONFIG = '/etc/docker/daemon.json'
const DOCKER_SOCKET = '/var/run/docker.sock'

const POLL_MS = 50
const MOST_POLLS = 100
/** Long enough for a dockerd that cannot be asked. */
const BLIND_WAIT_MS = 1000

/** Sends a signal to a process. @throws an error of the system with its `code` */
export type SendSignal = (pid: number, name: 'SIGHUP') => void

/** Those that read a `daemon.json`. */
export function dockerProcesses(files: RootedFiles, configPath: string): EngineProcess[] {
  const configOf = (args: readonly string[]) => flagValue(args, 'config-file') ?? DOCKER_CONFIG
  return findProcesses('dockerd', configOf, files.real(configPath))
}

/**
 * Has a dockerd read its configuration again, and waits until it has: until its mirrors are the ones given. Gives a
 * sentence about it.
 */
export async function reloadDocker(
  process: EngineProcess,
  mirrors: readonly string[],
  sendSignal: SendSignal,
): Promise<string> {
  const name = `docker (process ${process.pid})`
  try {
    sendSignal(process.pid, 'SIGHUP')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return `${name} could not be told to read it again (${code}): systemctl reload docker`
  }
  for (let polls = 0; polls < MOST_POLLS; polls++) {
    const now = await mirrorsOf(process)
    if (now === undefined) {
      await sleep(BLIND_WAIT_MS)
      return `${name} has been told to read it again`
    }
    if (isSameList(now, mirrors)) return `${name} has read it again`
    await sleep(POLL_MS)
  }
  return `${name} has been told to read it again and does not use it: see its log`
}

/** What a dockerd uses now; undefined when it cannot be asked. */
async function mirrorsOf({ pid, args }: EngineProcess): Promise<string[] | undefined> {
  const host = flagValue(args, 'host') ?? flagValue(args, 'H', '-') ?? ''
  const path = host.startsWith('unix://') ? host.slice('unix://'.length) : DOCKER_SOCKET
  try {
    const info = await getJson(join(`/proc/${pid}/root`, path), '/info')
    const { RegistryConfig: config } = info as { RegistryConfig?: { Mirrors?: string[] | null } }
    return config?.Mirrors ?? []
  } catch {
    return undefined
  }
}

function getJson(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = { socketPath, path, signal: AbortSignal.timeout(BLIND_WAIT_MS) }
    request(options, (answer) => {
      buffer(answer).then((body) => resolve(JSON.parse(body.toString())), reject)
    })
      .on('error', reject)
      .end()
  })
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((url, at) => isSameUrl(url, other[at] ?? ''))
}
