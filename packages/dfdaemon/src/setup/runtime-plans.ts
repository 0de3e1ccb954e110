import { planContainerd } from './containerd.ts'
import { planDocker } from './docker.ts'
import { planContainers } from './podman.ts'
import type { EnginePaths, Files, RuntimePlan } from './runtime-plan.ts'
import type { RecordName } from './setup-record.ts'

export interface PlanSettings {
  /** URL. */
  mirror: string
  paths: EnginePaths
  /** Registries that containerd is to ask the mirror for. */
  registries: readonly string[]
  /** The one that docker and podman mean, which they do not say. */
  upstreamRegistry: string
  /** Of the containerd that is installed. */
  containerdMajor(): number
  /** Mirrors that a running dockerd got as flags. */
  dockerFlags(): readonly string[]
}

/** The files of one engine as they should be. @throws AppError CONFIG_INVALID */
export function planFor(name: RecordName, files: Files, settings: PlanSettings): RuntimePlan {
  const { mirror, paths, upstreamRegistry } = settings
  switch (name) {
    case 'docker': {
      const plan = planDocker(files, {
        mirror,
        configFile: paths.dockerConfig,
        flags: settings.dockerFlags(),
      })
      return upstreamRegistry === 'docker.io'
        ? plan
        : { ...plan, notes: [...plan.notes, otherUpstream(upstreamRegistry)] }
    }
    case 'containerd':
      return planContainerd(files, {
        mirror,
        registries: settings.registries,
        configFile: paths.containerdConfig,
        hostsFolder: paths.containerdHosts,
        majorVersion: settings.containerdMajor(),
      })
    case 'containers':
      return planContainers(files, {
        mirror,
        registry: upstreamRegistry,
        folder: paths.containersFolder,
      })
  }
}

function otherUpstream(registry: string): string {
  return `docker asks mirrors for images of docker.io only, and dfdaemon looks for them at ${registry} first`
}
