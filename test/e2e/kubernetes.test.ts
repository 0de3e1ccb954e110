import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { programCommand, run, runOk, tempDirectory } from '@df/testkit'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { kubernetesCheck, type Manifest } from '../support/kubernetes-schemas.ts'

const directory = join(import.meta.dirname, '../../deploy/kubernetes')
const kustomizations = [
  'base',
  'overlays/k3s',
  'overlays/private-registry',
  'overlays/kind',
  'cleanup',
]
const faultsOf = kubernetesCheck()

/** The part of a DaemonSet or StatefulSet that is looked at. */
interface Workload extends Manifest {
  spec: {
    template: {
      spec: {
        containers: Container[]
        initContainers?: Container[]
        serviceAccountName?: string
      }
    }
  }
}

interface Container {
  name: string
  command: string[]
  securityContext: Record<string, unknown>
  lifecycle?: { preStop: { exec: { command: string[] } } }
}

interface ConfigMap extends Manifest {
  data: Record<string, string>
}

async function rendered(name: string): Promise<Manifest[]> {
  const text = await runOk(['kubectl', 'kustomize', join(directory, name)])
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest)
}

async function workloads(name: string): Promise<Workload[]> {
  const all = await rendered(name)
  return all.filter(({ kind }) => kind.endsWith('Set')) as Workload[]
}

function containersOf({ spec: { template } }: Workload): Container[] {
  return [...(template.spec.initContainers ?? []), ...template.spec.containers]
}

describe('the check of manifests', () => {
  it('finds a misspelt field, a wrong type, a missing field, an unknown kind', () => {
    const broken = {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'broken' },
      spec: {
        selector: {},
        template: {
          spec: { containers: [{ image: 'x', imagePullPolice: 'Always', ports: 'none' }] },
        },
      },
    }
    const faults = faultsOf(broken).join('\n')
    expect(faults).toContain('imagePullPolice')
    expect(faults).toMatch(/ports must be array/)
    expect(faults).toMatch(/required property 'name'/)
    expect(faultsOf({ ...broken, kind: 'DeamonSet' })).toEqual(['there is no DeamonSet in apps/v1'])
  })
})

describe.each(kustomizations)('deploy/kubernetes/%s', (name) => {
  it('renders to objects that Kubernetes knows, down to each field', async () => {
    const manifests = await rendered(name)
    expect(manifests.length).toBeGreaterThan(1)
    expect(manifests.flatMap(faultsOf)).toEqual([])
  })

  it('names only what it makes itself, in the same namespace', async () => {
    const manifests = await rendered(name)
    const made = manifests.map(({ kind, metadata }) => [kind, metadata.namespace, metadata.name])
    const named = (await workloads(name)).flatMap(({ metadata: { namespace }, spec }) => {
      const maps = JSON.stringify(spec).matchAll(/"configMap(?:Ref)?":\{"name":"(.*?)"/g)
      const account = spec.template.spec.serviceAccountName
      return [
        ...[...maps].map(([, map]) => ['ConfigMap', namespace, map]),
        ...(account === undefined ? [] : [['ServiceAccount', namespace, account]]),
      ]
    })
    expect(named.filter((one) => !made.some((other) => isDeepStrictEqual(one, other)))).toEqual([])
  })

  it('gives no container rights, and root only to those that write to the node', async () => {
    const containers = (await workloads(name)).flatMap(containersOf)
    for (const { name: container, securityContext } of containers)
      expect(securityContext, container).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
    const ofRoot = containers.filter(({ securityContext }) => securityContext['runAsUser'] === 0)
    const mayBe = ['setup', 'data', 'watchdog']
    expect(ofRoot.map((one) => one.name).filter((one) => !mayBe.includes(one))).toEqual([])
  })
})

describe.each(kustomizations.filter((name) => name !== 'cleanup'))(
  'deploy/kubernetes/%s',
  (name) => {
    it.each(['supernode', 'dfdaemon'] as const)('%s takes its settings', async (program) => {
      const maps = (await rendered(name)).filter(({ kind }) => kind === 'ConfigMap') as ConfigMap[]
      const settings = maps.find(({ metadata }) => metadata.name.startsWith(`${program}-settings`))
      const { code, stderr } = await run([...programCommand(program), 'config', 'check'], {
        env: settings?.data ?? {},
      })
      expect([code, stderr]).toEqual([0, ''])
    })

    it('its set-up of a node, and the undo when the pod ends, work on a node as it is mounted', async () => {
      await using temp = await tempDirectory()
      const containerd = join(
        temp.path,
        name.endsWith('k3s') ? 'var/lib/rancher/k3s/agent/etc/containerd' : 'etc/containerd',
      )
      await mkdir(join(containerd, 'certs.d'), { recursive: true })
      await mkdir(join(temp.path, 'var/lib/dragonfly/setup'), { recursive: true })
      const certs = join(containerd.slice(temp.path.length), 'certs.d')
      const config = `# of this node\nversion = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "${certs}"\n`
      await writeFile(join(containerd, 'config.toml'), config)
      const before = join(temp.path, 'before')
      await cp(containerd, before, { recursive: true })

      const daemon = (await workloads(name)).find(({ kind }) => kind === 'DaemonSet')
      const containers = daemon === undefined ? [] : containersOf(daemon)
      const setup = containers.find((one) => one.name === 'setup')?.command ?? []
      expect(daemon?.spec.template.spec.initContainers?.at(-1)?.name).toBe('setup')
      const undo = containers.find((one) => one.lifecycle)?.lifecycle?.preStop.exec.command ?? []
      await runOnNode(setup, temp.path)
      const hosts = await readFile(join(containerd, 'certs.d/docker.io/hosts.toml'), 'utf8')
      expect(hosts).toContain('http://127.0.0.1:65001')
      expect(hosts).toContain('server = "https://registry-1.docker.io"')
      await runOnNode(undo, temp.path)
      expect(await readdir(containerd, { recursive: true })).toEqual(
        await readdir(before, { recursive: true }),
      )
      expect(await readFile(join(containerd, 'config.toml'), 'utf8')).toBe(config)
    })
  },
)

/** A command of a manifest, for a node whose file system is at `root`. */
async function runOnNode([, ...args]: readonly string[], root: string): Promise<void> {
  expect(args).toContain('--root=/host')
  const here = args.map((arg) => (arg === '--root=/host' ? `--root=${root}` : arg))
  await runOk([...programCommand('dfdaemon'), ...here])
}
