import { AppError } from '@df/proto'
import { addRegistryMirror } from './daemon-json.ts'
import type { Files, RuntimePlan } from './runtime-plan.ts'

export interface DockerSettings {
  /** URL. */
  mirror: string
  /** `daemon.json` */
  configFile: string
  /** Mirrors that a running dockerd got as flags. */
  flags: readonly string[]
}

/** Where distributions and users keep flags of dockerd. */
const serviceFiles = [
  '/etc/default/docker',
  '/etc/sysconfig/docker',
  '/usr/lib/systemd/system/docker.service',
  '/etc/systemd/system/docker.service',
]
const serviceDropIns = '/etc/systemd/system/docker.service.d'

/**
 * docker has mirrors for docker.io only, and goes to docker.io when they do not answer.
 * @throws AppError CONFIG_INVALID, also when dockerd has mirrors as flags: it does not start with both
 */
export function planDocker(files: Files, settings: DockerSettings): RuntimePlan {
  const { mirror, configFile, flags } = settings
  const where = flags.length > 0 ? 'the running dockerd' : serviceFileWithFlag(files)
  if (where !== undefined) {
    throw new AppError('CONFIG_INVALID', `${where} has the flag --registry-mirror`, {
      hint: `docker starts with that or with registry-mirrors in ${configFile}, not with both: move it there first`,
    })
  }
  const text = addRegistryMirror({ file: configFile, text: files.read(configFile), mirror })
  const entry = { kind: 'daemon.json' } as const
  return { files: [{ path: configFile, text, entry, effect: 'reload' }], notes: [] }
}

function serviceFileWithFlag(files: Files): string | undefined {
  const dropIns = files.list(serviceDropIns) ?? []
  return [...serviceFiles, ...dropIns.map((name) => `${serviceDropIns}/${name}`)].find((path) =>
    /^[^#;\n]*--registry-mirror\b/m.test(files.read(path) ?? ''),
  )
}
