import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { routes } from '@df/proto'
import { type Check, type DoctorContext, type Finding, ok, skipped, warning } from './check.ts'
import { mirrorFacts } from './daemon-facts.ts'

const execute = promisify(execFile)

/** Engines, how they tell their version, and the oldest that was tested. */
const engines = [
  { name: 'docker', command: 'dockerd', oldest: '20.10' },
  { name: 'containerd', command: 'containerd', oldest: '1.6' },
  { name: 'podman', command: 'podman', oldest: '4.3' },
  { name: 'cri-o', command: 'crio', oldest: '1.24' },
] as const

export interface VersionFacts {
  /** Of this program. */
  own: string
  /** Of the dfdaemon that runs; undefined when none does. */
  running: string | undefined
  supernodes: readonly { url: string; version: string | undefined }[]
  engines: readonly { name: string; version: string; oldest: string }[]
}

/** Whether programs that talk to each other fit together. */
export const versionsCheck: Check = {
  name: 'versions',
  summary: 'dfdaemon, SuperNodes and engines of this host',
  async run(context) {
    const { config, version, root } = context
    const [mirror, supernodes, found] = await Promise.all([
      mirrorFacts(context),
      Promise.all(config.supernode.map((url) => supernodeVersion(context, url))),
      root === '/' ? engineVersions(context.signal) : [],
    ])
    const running = mirror.daemon?.version
    return judgeVersions({ own: version, running, supernodes, engines: found })
  },
}

export function judgeVersions(facts: VersionFacts): Finding[] {
  const { own, running, supernodes, engines: found } = facts
  const release = 'install the same release on all machines and restart its programs'
  return [
    running === undefined || running === own
      ? ok(`dfdaemon ${own}`)
      : warning(
          `dfdaemon ${running} runs, ${own} is installed`,
          'systemctl restart dragonfly-dfdaemon',
        ),
    ...supernodes.map(({ url, version }) => {
      if (version === undefined) return skipped(`${url} does not tell its version`)
      if (version === own) return ok(`${url}: supernode ${version}`)
      return warning(`${url}: supernode ${version}, and dfdaemon ${own} here`, release)
    }),
    ...found.map(({ name, version, oldest }) =>
      isOlder(version, oldest)
        ? warning(`${name} ${version} is older than what was tested (${oldest})`, `update ${name}`)
        : ok(`${name} ${version}`),
    ),
  ]
}

/** Compares the numbers of dotted versions, as many as the second has. */
export function isOlder(version: string, oldest: string): boolean {
  const have = version.split(/[.~+-]/).map(Number)
  for (const [at, want] of oldest.split('.').map(Number).entries()) {
    const number = have[at] ?? 0
    if (number !== want) return number < want
  }
  return false
}

/** The version in what an engine prints for `--version`. */
export function versionIn(text: string): string | undefined {
  return /\bv?(\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1]
}

async function supernodeVersion({ probes }: DoctorContext, url: string) {
  const { body } = await probes.supernode(new URL(routes.openapi.path, url).href)
  return { url, version: /"version":\s*"([^"]{1,64})"/.exec(body)?.[1] }
}

async function engineVersions(signal: AbortSignal): Promise<VersionFacts['engines']> {
  const found = engines.map(async ({ name, command, oldest }) => {
    const printed = await execute(command, ['--version'], { signal, timeout: 2000 }).catch(
      () => undefined, // not installed, or not to be run by this user
    )
    const version = versionIn(printed?.stdout ?? '')
    return version === undefined ? [] : [{ name, version, oldest }]
  })
  return (await Promise.all(found)).flat()
}
