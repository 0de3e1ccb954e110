import { execFileSync } from 'node:child_process'
import type { SendSignal } from './docker-daemon.ts'
import { findProcesses } from './engine-process.ts'
import type { RootedFiles } from './rooted-files.ts'
import type { EnginePaths } from './runtime-plan.ts'

/** How engines are told. */
export interface EngineTools {
  signal: SendSignal
  /** Leave engines alone, and say what is to be done. */
  isOff: boolean
  /** Restart containerd when it has to be. */
  canRestart: boolean
}

/** Has CRI-O read its registries again (`crio.conf(5)`: on SIGHUP). Gives sentences about it. */
export function reloadCrio(
  files: RootedFiles,
  { containersFolder }: EnginePaths,
  { signal, isOff }: EngineTools,
): string[] {
  const command = 'systemctl reload crio'
  if (isOff) return [`CRI-O reads it after: ${command}`]
  const processes = findProcesses('crio', () => containersFolder, files.real(containersFolder))
  if (processes.length === 0) return ['CRI-O does not run here: it reads it when it starts']
  return processes.map(({ pid }) => {
    try {
      signal(pid, 'SIGHUP')
      return `CRI-O (process ${pid}) has been told to read it again`
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      return `CRI-O (process ${pid}) could not be told to read it again (${code}): ${command}`
    }
  })
}

/** Restarts containerd, or says how. */
export function restartContainerd({ canRestart, isOff }: EngineTools): string {
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
