import { execFileSync } from 'node:child_process'
import { dockerProcesses } from './docker-daemon.ts'
import { flagValue } from './engine-process.ts'
import type { Machine } from './machine.ts'
import { upstreamRegistry } from './mirror-address.ts'
import type { EnginePaths } from './runtime-plan.ts'
import type { PlanSettings } from './runtime-plans.ts'

const VERSION_TIMEOUT_MS = 2000

export interface PlanSettingsOptions {
  machine: Machine
  /** Whether it is the machine that this program runs on. */
  isThisMachine: boolean
  /** URL. */
  mirror: string
  paths: EnginePaths
  config: { upstream: string; registry: Readonly<Record<string, string>> }
  /** Registries that containerd is to ask the mirror for; none: docker.io and those of the configuration. */
  registries: readonly string[]
}

/** What engines are to be told, from dfdaemon's configuration and what is on the machine. */
export function planSettings(options: PlanSettingsOptions): PlanSettings {
  const { machine, isThisMachine, mirror, paths, config, registries } = options
  return {
    mirror,
    paths,
    registries: registries.length > 0 ? registries : ['docker.io', ...Object.keys(config.registry)],
    upstreamRegistry: upstreamRegistry(config),
    containerdMajor: () => (isThisMachine ? installedMajor() : 1),
    dockerFlags: () =>
      dockerProcesses(machine.files, paths.dockerConfig).flatMap(
        ({ args }) => flagValue(args, 'registry-mirror') ?? [],
      ),
  }
}

/** 1 when it cannot be found out: what setup writes then is right for 2 too. */
function installedMajor(): number {
  try {
    const said = execFileSync('containerd', ['--version'], {
      stdio: 'pipe',
      timeout: VERSION_TIMEOUT_MS,
    }).toString()
    return Number(/\bv?(\d+)\.\d+\.\d+/.exec(said)?.[1] ?? 1)
  } catch {
    return 1
  }
}
