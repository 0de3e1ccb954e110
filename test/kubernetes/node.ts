import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Daemon, type Enclosure, type NetworkHost, run, runOk } from '@df/testkit'
import { makeCgroup, removeCgroup } from './cgroups.ts'

export interface NodeOptions {
  name: string
  host: NetworkHost
  /** All its files. */
  directory: string
  /** Where build.sh put the programs. */
  programs: string
  kubeconfig: string
  dnsAddress: string
  /** Of its pods: the first three bytes, as `10.244.1`. */
  podNetwork: string
  /** Path below /etc → text, over and above what each node has. */
  files: Readonly<Record<string, string>>
}

/** A node of the cluster: kubelet and containerd in namespaces of their own. */
export interface ClusterNode {
  name: string
  address: string
  /** Runs a command on it that must succeed. */
  run(command: readonly string[]): Promise<string>
  /** Each file and folder below /etc/containerd with its owner, rights and content's hash. */
  containerdFiles(): Promise<string>
  /** Ends everything on it at once, as a power cut does. */
  cutPower(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

const script = join(import.meta.dirname, 'node.sh')
export const pauseImage = 'registry.k8s.io/pause:3.10'

/** Makes a node and starts it. */
export async function startNode(options: NodeOptions): Promise<ClusterNode> {
  const { name, host, directory, programs } = options
  const cgroup = `df${process.pid}-${name}`
  for (const [path, text] of Object.entries(filesOf(options, cgroup))) {
    const target = join(directory, 'etc', path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, text)
  }
  await makeCgroup(cgroup)
  let daemon: Daemon | undefined
  let within: Enclosure = { command: [], env: {} }

  async function start(): Promise<void> {
    const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
    const kubeletFlags = [
      ...['--config=/etc/kubernetes/kubelet.yaml', `--kubeconfig=${options.kubeconfig}`],
      ...[`--hostname-override=${name}`, `--node-ip=${host.address}`],
    ]
    daemon = new Daemon({
      command: ['unshare', ...namespaces, 'bash', script, directory, programs, ...kubeletFlags],
      within: host.within,
      logPath: join(directory, 'node.log'),
    })
    const { pid } = daemon
    const init = await daemon.until(async () => {
      const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
      return children.trim() || undefined
    })
    within = { command: ['nsenter', '--target', init, '--mount', '--pid', '--net'], env: {} }
    await daemon.until(
      async () => (await run(['ctr', 'version'], { within })).code === 0 || undefined,
    )
  }

  const cutPower = async () => void (await daemon?.kill())
  await start()
  return {
    name,
    address: host.address,
    run: (command) => runOk(command, { within }),
    containerdFiles: () => runOk(['bash', '-c', listing], { within }),
    cutPower,
    start,
    async stop() {
      await cutPower()
      await removeCgroup(cgroup)
    },
  }
}

const listing = `cd /etc/containerd && find . -printf '%p %U:%G %m\\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum`

function filesOf(options: NodeOptions, cgroup: string): Record<string, string> {
  const { dnsAddress, podNetwork, files } = options
  const json = (value: object) => JSON.stringify(value, undefined, 2)
  return {
    'containerd/config.toml': containerdConfig,
    'cni/net.d/10-pods.conflist': json({
      cniVersion: '0.4.0',
      name: 'pods',
      plugins: [
        {
          type: 'bridge',
          bridge: 'cni0',
          isGateway: true,
          ipam: {
            type: 'host-local',
            ranges: [[{ subnet: `${podNetwork}.0/24` }]],
            routes: [{ dst: '0.0.0.0/0' }],
          },
        },
      ],
    }),
    // YAML is a superset of JSON.
    'kubernetes/kubelet.yaml': json({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
      cgroupDriver: 'cgroupfs',
      cgroupRoot: `/${cgroup}`,
      failCgroupV1: false,
      failSwapOn: false,
      clusterDNS: [dnsAddress],
      clusterDomain: 'cluster.local',
      authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      makeIPTablesUtilChains: false,
      // The disk is shared with the whole machine.
      evictionHard: {
        'memory.available': '50Mi',
        'nodefs.available': '1%',
        'imagefs.available': '1%',
      },
      imageGCHighThresholdPercent: 100,
    }),
    ...files,
  }
}

/** As an administrator of nodes writes it, with a comment that must stay. */
const containerdConfig = `# of this node
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
`
