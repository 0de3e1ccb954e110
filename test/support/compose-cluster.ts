import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunResult, run, runOk, setUpContainers, startDockerd, TestNetwork } from '@df/testkit'
import { receivedBytes, sentBlobs } from './byte-counts.ts'
import type { Lab } from './lab.ts'
import { makeLocalImages } from './local-images.ts'
import { startNpmRelay } from './npm-relay.ts'
import { pushRandomImage } from './random-image.ts'

const root = join(import.meta.dirname, '../..')
/** Of the bridge that dockerd makes for itself, where no other network is. */
const gateway = '172.17.0.1'
const hosts = ['host-1', 'host-2', 'host-3'] as const
export type HostName = (typeof hosts)[number]

/** docker-compose.yml on a machine of its own. All calls throw when the command behind them fails. */
export interface ComposeCluster {
  /** `docker-compose …` on the repository's file. */
  compose(...args: string[]): Promise<string>
  docker(...args: string[]): Promise<string>
  /** Runs lines of shell as they stand in a guide. Gives what they print. */
  shell(lines: string): Promise<string>
  /** Pushes an image with layers of random bytes to the cluster's registry, as a user does. */
  push(reference: string, layerBytes: readonly number[]): Promise<void>
  /** Pulls through one of the hosts from outside, with skopeo, and keeps nothing. Does not throw. */
  pull(host: HostName, reference: string): Promise<RunResult>
  /** Bytes of content that a host's dfdaemon got so far, by where they came from. */
  received(host: HostName): Promise<Map<string, number>>
  /** Digest → bytes of it that the registry sent, by its log. */
  sentByRegistry(): Promise<Map<string, number>>
  /** Size of a blob, as the registry tells it. */
  blobBytes(digest: string): Promise<number>
  /** All that a cluster could leave: containers, networks, volumes, interfaces, iptables rules, mounts. */
  traces(): Promise<Record<string, string[]>>
}

/** Everything but the cluster itself. `hostEnvironment`: variables for the dfdaemons. */
export async function prepareComposeCluster(
  lab: Lab,
  { hostEnvironment }: { hostEnvironment: Readonly<Record<string, string>> },
): Promise<ComposeCluster> {
  const network = await TestNetwork.create({ hosts: 1 })
  lab.defer(() => network.remove())
  const within = network.hosts[0]?.within
  if (within === undefined) throw new Error('no host')
  const dockerd = lab.keep(
    await startDockerd({ directory: await lab.folder('d'), within, bridge: 'full' }),
  )
  const relay = lab.keep(await startNpmRelay(within))
  const images = await makeLocalImages({
    dockerd,
    directory: await lab.folder('images'),
    npmRegistryUrl: `http://${gateway}:${relay.port}/`,
  })
  const directory = await lab.folder('p')
  const { skopeo } = await setUpContainers({ directory, mirrors: {}, within })
  const overridesPath = join(directory, 'overrides.json')
  const services = Object.fromEntries(hosts.map((name) => [name, { environment: hostEnvironment }]))
  await writeFile(overridesPath, JSON.stringify({ services }))
  let copies = 0

  const here = (command: readonly string[]) => runOk(command, { within })
  const env = {
    DOCKER_HOST: dockerd.host,
    DOCKER_CONFIG: join(directory, 'client'),
    COMPOSE_PROJECT_NAME: 'cluster',
    COMPOSE_FILE: `${join(root, 'docker-compose.yml')}:${overridesPath}`,
    BUILD_BASE: images.buildBase,
    BASE: images.base,
    REGISTRY_IMAGE: images.registry,
  }
  const user = { within, env, timeoutMs: 300_000 }
  const compose = (...args: string[]) => runOk(['docker-compose', ...args], user)
  async function docker(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await dockerd.docker(args, { within })
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }

  return {
    compose,
    docker,
    shell: (lines) => runOk(['sh', '-e', '-c', lines], user),
    async push(reference, layerBytes) {
      await pushRandomImage({ docker, directory, image: `127.0.0.1:5000/${reference}`, layerBytes })
    },
    async pull(host, reference) {
      const target = join(directory, `copy-${copies++}`)
      const source = `docker://${address(host)}/${reference}`
      const pulled = await skopeo(['copy', '--src-tls-verify=false', source, `dir:${target}`])
      await rm(target, { recursive: true, force: true })
      return pulled
    },
    async received(host) {
      const { stdout } = await run(['curl', '--silent', `http://${address(host)}/metrics`], {
        within,
      })
      return receivedBytes(stdout)
    },
    async sentByRegistry() {
      return sentBlobs(await compose('logs', '--no-color', 'registry'))
    },
    async blobBytes(digest) {
      const url = `http://127.0.0.1:5000/v2/demo/app/blobs/${digest}`
      const head = await here(['curl', '--silent', '--head', url])
      return Number(/^content-length: (\d+)/im.exec(head)?.[1])
    },
    async traces() {
      const rules = await here(['iptables-save'])
      const mounts = await readFile('/proc/self/mounts', 'utf8')
      return {
        containers: lines(await docker('ps', '--all', '--quiet')),
        networks: lines(await docker('network', 'ls', '--format', '{{.Name}}')),
        volumes: lines(await docker('volume', 'ls', '--quiet')),
        interfaces: lines(await here(['ip', '-oneline', 'link'])).map(
          (line) => line.split(':')[1]?.trim() ?? '',
        ),
        // Without what changes by itself: times, counters.
        rules: lines(rules.replaceAll(/^#.*|\[\d+:\d+\]/gm, '')),
        mounts: lines(mounts).filter((line) => line.includes(lab.directory)),
      }
    },
  }
}

function address(host: HostName): string {
  return `127.0.0.1:${65_001 + hosts.indexOf(host)}`
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}
