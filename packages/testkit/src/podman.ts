import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Enclosure, type RunOptions, type RunResult, run } from './command.ts'
import { unmountBelow } from './tmp.ts'

export interface ContainersOptions {
  directory: string
  /** Registry → URL of its mirror; absent: they read what is below /etc/containers. */
  mirrors?: Readonly<Record<string, string>>
  within?: Enclosure
}

export interface Containers {
  /** `podman …` with storage of its own. */
  podman(args: readonly string[], options?: RunOptions): Promise<RunResult>
  /** `skopeo …` with the same mirrors. */
  skopeo(args: readonly string[], options?: RunOptions): Promise<RunResult>
  /** For `podman login --authfile` and the like: both use it and nobody's own. */
  authFilePath: string
  /** Unmounts what containers left. */
  cleanUp(): Promise<void>
}

/** No systemd is needed; and the limits that podman sets by itself may be above what this process may give. */
const settings = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`

/** podman and skopeo with mirrors configured in a `registries.conf` of their own. Nothing stays running. */
export async function setUpContainers(options: ContainersOptions): Promise<Containers> {
  const { directory, mirrors, within } = options
  await mkdir(directory, { recursive: true })
  const at = (name: string) => join(directory, name)
  if (mirrors !== undefined) await writeFile(at('registries.conf'), registriesText(mirrors))
  const registries = mirrors === undefined ? undefined : at('registries.conf')
  await writeFile(at('containers.conf'), settings)
  await writeFile(at('policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}')
  // podman refuses to start when the variable names no file.
  const authFilePath = at('auth.json')
  await writeFile(authFilePath, '{}')
  const env = {
    CONTAINERS_CONF: at('containers.conf'),
    ...(registries !== undefined && { CONTAINERS_REGISTRIES_CONF: registries }),
    REGISTRY_AUTH_FILE: authFilePath,
    TMPDIR: directory,
  }
  const call = (command: readonly string[], runOptions: RunOptions = {}) =>
    run(command, { within, ...runOptions, env: { ...env, ...runOptions.env } })
  const storage = ['--root', at('root'), '--runroot', at('run'), '--tmpdir', at('tmp')]
  return {
    podman: (args, runOptions) => call(['podman', ...storage, ...args], runOptions),
    // skopeo 1.9 does not mind the variable.
    skopeo: (args, runOptions) =>
      call(
        [
          'skopeo',
          ...(registries === undefined ? [] : ['--registries-conf', registries]),
          '--policy',
          at('policy.json'),
          ...args,
        ],
        runOptions,
      ),
    authFilePath,
    cleanUp: () => unmountBelow(directory),
  }
}

function registriesText(mirrors: Readonly<Record<string, string>>): string {
  return Object.entries(mirrors)
    .map(([registry, url]) => {
      const { host, protocol } = new URL(url)
      return `[[registry]]
location = "${registry}"
[[registry.mirror]]
location = "${host}"
insecure = ${protocol === 'http:'}
`
    })
    .join('\n')
}
