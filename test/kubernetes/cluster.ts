import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import {
  etcOverlay,
  makeCa,
  type NetworkHost,
  nest,
  runOk,
  startDockerd,
  startDockerRegistry,
  TestNetwork,
} from '@df/testkit'
import { sentBlobs } from '../support/byte-counts.ts'
import type { Lab } from '../support/lab.ts'
import { type LocalImages, makeLocalImages } from '../support/local-images.ts'
import { startNpmRelay } from '../support/npm-relay.ts'
import { pushRandomImage } from '../support/random-image.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import { type ClusterNode, pauseImage, startNode } from './node.ts'

export const registryName = 'registry.example.internal'
const nodeNames = ['node-1', 'node-2'] as const
/** Of the bridge that dockerd makes for itself. */
const gateway = '172.17.0.1'

/** A Kubernetes cluster with its registry, and a user's docker. */
export interface Cluster {
  kubectl: ControlPlane['kubectl']
  nodes: readonly [ClusterNode, ClusterNode]
  /** Stand-ins for images of Docker Hub, in `docker`. */
  images: LocalImages
  /** PEM of the authority that signed the registry's certificate. */
  authority: string
  /** `docker …` of the user, who can push to the registry; throws when it fails. */
  docker(...args: string[]): Promise<string>
  /** Pushes an image that can run, with layers of random bytes, and gives its reference. */
  push(name: string, layerBytes: readonly number[]): Promise<string>
  /** Digest → bytes of it that the registry sent. */
  sentByRegistry(): Promise<Map<string, number>>
  /** Puts an image of `docker` into each node's containerd, as `kind load` does. */
  load(image: string): Promise<void>
}

/** Starts all; the lab ends it. Programs are in `~/.cache/dragonfly-kubernetes`, built there when they are missing. */
export async function startCluster(lab: Lab): Promise<Cluster> {
  const cache = join(homedir(), '.cache/dragonfly-kubernetes')
  await runOk([join(import.meta.dirname, 'build.sh'), cache], { timeoutMs: 3_600_000 })
  const programs = join(cache, 'bin')
  const network = await TestNetwork.create({ hosts: 1 + nodeNames.length })
  lab.defer(() => network.remove())
  const [main, ...others] = network.hosts
  if (main === undefined) throw new Error('no host')
  await connectPods(network.hosts)

  const ca = await makeCa(await lab.folder('ca'))
  const registryDirectory = await lab.folder('registry')
  const registry = await startDockerRegistry({
    directory: registryDirectory,
    ...{ host: main.address, port: 443, within: main.within },
    certificate: await ca.issue(registryName, main.address),
  })
  lab.keep(registry)
  const names = { [registryName]: main.address }
  const user = await startUserDocker(lab, { host: main, names, authority: ca.certificate })

  const control = await startControlPlane(lab, {
    ...{ host: main, directory: await lab.folder('control'), programs, names },
  })
  const start = async (name: string, host: NetworkHost) =>
    lab.keep(
      await startNode({
        ...{ name, host, programs, podNetwork: podNetwork(host), ...control },
        directory: await lab.folder(name),
        files: {
          hosts: `127.0.0.1 localhost\n${main.address} ${registryName}\n`,
          'containerd/certs.d/registry.example.internal/hosts.toml': hostsFile,
          'containerd/certs.d/registry.example.internal/ca.crt': ca.certificate,
        },
      }),
    )
  const nodes = await Promise.all(others.map((host, i) => start(`node-${i + 1}`, host)))
  const [first, second] = nodes
  if (first === undefined || second === undefined) throw new Error('no nodes')

  async function load(image: string): Promise<void> {
    const archive = join(lab.directory, 'image.tar')
    await user.docker('save', '--output', archive, image)
    for (const node of nodes)
      await node.run(['ctr', '--namespace', 'k8s.io', 'images', 'import', archive])
  }
  await user.docker(
    'import',
    '--change',
    'ENTRYPOINT ["/pause"]',
    await pauseArchive(lab, programs),
    pauseImage,
  )
  await load(pauseImage)
  await control.untilKnown(nodes.map(({ name }) => `node/${name}`))
  await control.kubectl(['wait', '--for=condition=Ready', 'node', '--all', '--timeout=60s'])

  return {
    kubectl: control.kubectl,
    nodes: [first, second],
    images: user.images,
    authority: ca.certificate,
    docker: user.docker,
    async push(name, layerBytes) {
      const image = `${registryName}/${name}`
      const directory = lab.directory
      await pushRandomImage({
        docker: user.docker,
        directory,
        image,
        layerBytes,
        from: user.images.base,
      })
      return image
    },
    sentByRegistry: async () =>
      sentBlobs(await readFile(join(registryDirectory, 'registry.log'), 'utf8')),
    load,
  }
}

/** What an administrator of nodes has written for a registry with a private authority. */
const hostsFile = `server = "https://${registryName}"

[host."https://${registryName}"]
  ca = "/etc/containerd/certs.d/${registryName}/ca.crt"
`

/** The network of a host's pods, without its last byte. */
function podNetwork({ address }: NetworkHost): string {
  return `10.244.${address.split('.').at(-1)}`
}

/** Each host knows the way to the pods of every other one. */
async function connectPods(hosts: readonly NetworkHost[]): Promise<void> {
  for (const from of hosts)
    for (const to of hosts.filter((host) => host !== from))
      await runOk(['ip', 'route', 'add', `${podNetwork(to)}.0/24`, 'via', to.address], {
        within: from.within,
      })
}

async function pauseArchive(lab: Lab, programs: string): Promise<string> {
  const archive = join(lab.directory, 'pause.tar')
  await runOk(['tar', '--create', '--file', archive, '-C', programs, 'pause'])
  return archive
}

interface UserOptions {
  host: NetworkHost
  names: Readonly<Record<string, string>>
  authority: string
}

/** A dockerd that trusts the registry, and images to build ours from. */
async function startUserDocker(lab: Lab, { host, names, authority }: UserOptions) {
  const directory = await lab.folder('d')
  const trust = await etcOverlay({
    directory,
    names,
    files: { [`docker/certs.d/${registryName}/ca.crt`]: authority },
  })
  const dockerd = lab.keep(
    await startDockerd({ directory, within: nest(host.within, trust), bridge: 'full' }),
  )
  const relay = lab.keep(await startNpmRelay(host.within))
  const images = await makeLocalImages({
    dockerd,
    directory: await lab.folder('images'),
    npmRegistryUrl: `http://${gateway}:${relay.port}/`,
  })
  async function docker(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await dockerd.docker(args, { timeoutMs: 600_000 })
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }
  return { docker, images }
}
