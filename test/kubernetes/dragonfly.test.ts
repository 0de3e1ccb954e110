import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { receivedBytes } from '../support/byte-counts.ts'
import { Lab } from '../support/lab.ts'
import { type Cluster, registryName, startCluster } from './cluster.ts'
import type { ClusterNode } from './node.ts'
import { disks, podOf, volumes } from './objects.ts'

/** What docs/guide/kubernetes.md tells a user to do, done. */
const root = join(import.meta.dirname, '../..')
const image = `${registryName}/dragonfly:0.1.0`
const namespace = ['--namespace', 'dragonfly']

let lab: Lab
let cluster: Cluster
let kubectl: Cluster['kubectl']
let nodes: Cluster['nodes']
/** A copy of deploy/kubernetes, as its user edits it. */
let directory: string
let before: string[]

beforeAll(async () => {
  lab = await Lab.open()
  cluster = await startCluster(lab)
  kubectl = cluster.kubectl
  nodes = cluster.nodes
  directory = join(lab.directory, 'kubernetes')
  await cp(join(root, 'deploy/kubernetes'), directory, { recursive: true })
  for (const path of ['base', 'cleanup']) {
    const file = join(directory, path, 'kustomization.yaml')
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replaceAll('registry.example.com', registryName))
  }
  await writeFile(join(directory, 'overlays/private-registry/ca.crt'), cluster.authority)
  await nodes[0].run(['mkdir', ...disks.map((name) => `/var/lib/${name}`)])
  await kubectl(['apply', '--filename', await written('volumes', volumes(nodes[0].name))])
  before = await containerdFiles()
})

afterAll(() => lab.close(), 120_000)

describe('deploy/kubernetes, in a cluster of two nodes', () => {
  it('its image is built and pushed', async () => {
    const { base, buildBase } = cluster.images
    const bases = [`BUILD_BASE=${buildBase}`, `BASE=${base}`].flatMap((arg) => ['--build-arg', arg])
    const file = join(root, 'deploy/docker/Dockerfile')
    await cluster.docker('build', ...bases, '--file', file, '--tag', image, root)
    expect(await cluster.docker('push', image)).toContain('digest: sha256:')
  }, 600_000)

  it('comes up, without root and rights where it serves', async () => {
    await apply('overlays/private-registry')
    for (const pod of ['statefulset/supernode', 'daemonset/dfdaemon']) {
      const status = await kubectl(['exec', ...namespace, pod, '--', 'cat', '/proc/1/status'])
      expect(status, pod).toMatch(/^Uid:\t65532\t/m)
      expect(status, pod).toMatch(/^CapBnd:\t0+$/m)
    }
    expect(await nodes[0].run(['cat', hostsFile])).toMatch(
      /\[host."http:\/\/127.0.0.1:65001"\][^]*\[host."https:/,
    )
  })

  it('both nodes pull an image that the registry sends once', async () => {
    const app = await cluster.push('demo/app:1', [40e6, 60e6])
    await Promise.all(nodes.map((node) => runPod(`first-on-${node.name}`, app, node)))
    const sent = await cluster.sentByRegistry()
    const ofImage = [...sent].filter(([, bytes]) => bytes > 35e6 && bytes < 65e6)
    const bytes = ofImage.map(([, count]) => Math.round(count / 1e6))
    expect(new Set(bytes)).toEqual(new Set([40, 60]))
    for (const node of nodes) {
      const received = await receivedBy(node)
      const fromSwarm = (received.get('seed') ?? 0) + (received.get('peers') ?? 0)
      expect(fromSwarm, node.name).toBeGreaterThan(100e6)
      expect(received.get('origin') ?? 0, node.name).toBe(0)
    }
  })

  it('a pull succeeds whose dfdaemon is deleted by force in its middle', async () => {
    const app = await cluster.push('demo/app:2', [200e6])
    const at = await totalOf(nodes[1])
    const pull = runPod('second', app, nodes[1])
    await expect.poll(() => totalOf(nodes[1]), patience).toBeGreaterThan(at + 10e6)
    await deleteByForce(await dfdaemonOf(nodes[1]))
    await pull
    await untilRolledOut()
  })

  it('a pull succeeds while no node has a dfdaemon, though containerd still names it', async () => {
    const app = await cluster.push('demo/app:3', [20e6])
    // Onto no node: pods are deleted one by one, and none comes back.
    const nowhere = { spec: { template: { spec: { nodeSelector: { nowhere: 'yes' } } } } }
    const patch = (value: object) =>
      kubectl(['patch', ...namespace, 'daemonset/dfdaemon', '--patch', JSON.stringify(value)])
    const certs = '/etc/containerd/certs.d'
    const put = (from: string, to: string) =>
      nodes[1].run(['sh', '-c', `rm -rf ${to} && cp --archive ${from} ${to}`])
    await put(certs, '/run/set-up')
    await patch(nowhere)
    await expect.poll(() => dfdaemonOf(nodes[1]), patience).toBe('')
    expect(await nodes[1].containerdFiles()).toBe(before[1])
    await put(certs, '/run/plain')
    await put('/run/set-up', certs)
    await runPod('third', app, nodes[1])
    await put('/run/plain', certs)
    await patch({ spec: { template: { spec: { nodeSelector: null } } } })
    await untilRolledOut()
  })

  it('a node comes back after its power was cut, and pulls through the swarm again', async () => {
    const app = await cluster.push('demo/app:4', [20e6])
    await nodes[1].cutPower()
    await nodes[1].start()
    await expect.poll(() => totalOf(nodes[1]), patience).toBe(0)
    await runPod('fourth', app, nodes[1])
    expect(await totalOf(nodes[1])).toBeGreaterThan(20e6)
  })

  it('is deleted, and each node is as it was, to the byte', async () => {
    await remove('overlays/private-registry')
    expect(await containerdFiles()).toEqual(before)
  })

  it('is deleted while a node is down, and the cleanup takes the set-up out of it', async () => {
    await apply('overlays/private-registry')
    await nodes[1].cutPower()
    const base = join(directory, 'overlays/private-registry')
    await kubectl(['delete', '--kustomize', base, '--wait=false'])
    await kubectl(['wait', ...namespace, '--for=delete', 'daemonset/dfdaemon', '--timeout=60s'])
    await deleteByForce(await dfdaemonOf(nodes[1]))
    await kubectl(['wait', '--for=delete', 'namespace/dragonfly', '--timeout=60s'])
    await nodes[1].start()
    const [first, second] = await containerdFiles()
    expect(first).toBe(before[0])
    expect(second).toContain('docker.io')

    await kubectl(['apply', '--kustomize', join(directory, 'cleanup')])
    const cleanup = ['--namespace=dragonfly-cleanup', 'daemonset/dfdaemon-cleanup']
    await kubectl(['rollout', 'status', ...cleanup, '--timeout=90s'])
    expect(await containerdFiles()).toEqual(before)
    await kubectl(['delete', '--kustomize', join(directory, 'cleanup')])
  })

  it('the overlay kind runs with an image that was loaded, and one is left as it was', async () => {
    await cluster.docker('tag', image, 'dragonfly:local')
    await cluster.load('dragonfly:local')
    await apply('overlays/kind')
    expect(await nodes[0].run(['ls', '/etc/containerd/certs.d'])).toContain('docker.io')
    await remove('overlays/kind')
    expect(await containerdFiles()).toEqual(before)
  })
})

const patience = { timeout: 60_000, interval: 100 }
const hostsFile = `/etc/containerd/certs.d/${registryName}/hosts.toml`

function containerdFiles(): Promise<string[]> {
  return Promise.all(nodes.map((node) => node.containerdFiles()))
}

async function apply(kustomization: string): Promise<void> {
  await kubectl(['apply', '--kustomize', join(directory, kustomization)])
  await untilRolledOut()
  await kubectl(['rollout', 'status', ...namespace, 'statefulset/supernode', '--timeout=90s'])
}

async function untilRolledOut(): Promise<void> {
  await kubectl(['rollout', 'status', ...namespace, 'daemonset/dfdaemon', '--timeout=90s'])
}

async function remove(kustomization: string): Promise<void> {
  await kubectl(['delete', '--kustomize', join(directory, kustomization), '--timeout=90s'])
}

async function deleteByForce(pod: string): Promise<void> {
  await kubectl(['delete', ...namespace, '--force', '--grace-period=0', pod])
}

/** `pod/NAME` of the dfdaemon on a node; empty when there is none. */
async function dfdaemonOf({ name }: ClusterNode): Promise<string> {
  const chosen = ['--selector=app.kubernetes.io/component=dfdaemon']
  const there = `--field-selector=spec.nodeName=${name}`
  return await kubectl(['get', ...namespace, 'pod', ...chosen, there, '--output=name'])
}

/** Runs a pod on a node until it is ready, so its image was pulled. */
async function runPod(name: string, from: string, node: ClusterNode): Promise<void> {
  const manifest = await written(name, podOf({ name, image: from, node: node.name }))
  await kubectl(['apply', '--filename', manifest])
  await kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=100s'])
  await kubectl(['delete', `pod/${name}`])
}

async function receivedBy(node: ClusterNode): Promise<Map<string, number>> {
  return receivedBytes(await node.run(['curl', '--silent', 'http://127.0.0.1:65001/metrics']))
}

async function totalOf(node: ClusterNode): Promise<number> {
  return [...(await receivedBy(node)).values()].reduce((sum, bytes) => sum + bytes, 0)
}

/** A file of objects for `kubectl apply`. */
async function written(name: string, objects: object): Promise<string> {
  const path = join(lab.directory, `${name}.json`)
  await writeFile(path, JSON.stringify(objects))
  return path
}
