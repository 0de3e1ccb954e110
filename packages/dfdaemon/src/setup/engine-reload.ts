import { execFileSync } from 'node:child_process'
import type { Edit } from './edits.ts'
import { findProcesses, flagValue } from './engine-process.ts'
import type { RootedFiles } from './rooted-files.ts'
import type { EnginePaths, Runtime } from './runtime-plan.ts'

/** What dockerd reads unless told otherwise. */
export const DOCKER_CONFIG = '/etc/docker/daemon.json'

/** Sends a signal to a process. @throws an error of the system with its `code` */
export type SendSignal = (pid: number, name: 'SIGHUP') => void

export interface ReloadOptions {
  files: RootedFiles
  paths: EnginePaths
  signal: SendSignal
  /** Leave engines alone, and say what is to be done. */
  isOff: boolean
  /** Restart containerd when it has to be. */
  canRestart: boolean
}

/** Mirrors that the running dockerd was given as flags. */
export function dockerMirrorFlags(files: RootedFiles, paths: EnginePaths): string[] {
  return dockerProcesses(files, paths).flatMap(({ args }) => {
    const url = flagValue(args, 'registry-mirror')
    return url === undefined ? [] : [url]
  })
}

/**
 * Has an engine notice changed files, as far as it must be told. Gives sentences about what was done or is to do.
 */
export function reloadEngine(
  runtime: Runtime,
  edits: readonly Edit[],
  options: ReloadOptions,
): string[] {
  if (edits.length === 0) return []
  switch (runtime) {
    case 'docker':
      return hangUp(dockerProcesses(options.files, options.paths), options, {
        name: 'docker',
        command: 'systemctl reload docker (or kill -HUP its process)',
      })
    case 'crio':
      return hangUp(crioProcesses(options.files, options.paths), options, {
        name: 'CRI-O',
        command: 'systemctl reload crio (or kill -HUP its process)',
      })
    case 'podman':
      return []
    case 'containerd':
      return edits.some(({ effect }) => effect === 'restart') ? [restart(options)] : []
  }
}

function dockerProcesses(files: RootedFiles, { dockerConfig }: EnginePaths) {
  const configOf = (args: readonly string[]) => flagValue(args, 'config-file') ?? DOCKER_CONFIG
  return findProcesses('dockerd', configOf, files.real(dockerConfig))
}

function crioProcesses(files: RootedFiles, { containersFolder }: EnginePaths) {
  return findProcesses('crio', () => containersFolder, files.real(containersFolder))
}

function hangUp(
  processes: readonly { pid: number }[],
  { signal, isOff }: ReloadOptions,
  { name, command }: { name: string; command: string },
): string[] {
  if (isOff) return [`${name} reads it after: ${command}`]
  if (processes.length === 0) return [`${name} does not run here: it reads it when it starts`]
  return processes.map(({ pid }) => {
    try {
      signal(pid, 'SIGHUP')
      return `${name} (process ${pid}) reads it again now`
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      return `${name} (process ${pid}) could not be told: ${code}; do it with: ${command}`
    }
  })
}

function restart({ canRestart, isOff }: ReloadOptions): string {
  const command = 'systemctl restart containerd'
  if (!canRestart || isOff) {
    return `containerd reads config.toml only when it starts: ${command} (containers go on running)`
  }
  try {
    execFileSync('systemctl', ['restart', 'containerd'], { stdio: 'pipe', encoding: 'utf8' })
    return 'containerd has been restarted'
  } catch (error) {
    const { stderr: said = '', code = 'failed' } = error as { stderr?: string; code?: string }
    const why = said.trim().split('\n')[0] || code
    return `containerd could not be restarted (${why}); do it with: ${command}`
  }
}
