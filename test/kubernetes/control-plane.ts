import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Daemon, type NetworkHost, run, runOk } from '@df/testkit'
import type { Lab } from '../support/lab.ts'

export interface ControlPlaneOptions {
  host: NetworkHost
  directory: string
  /** Where build.sh put the programs. */
  programs: string
  /** Name → address: what the cluster's DNS knows besides the cluster. */
  names: Readonly<Record<string, string>>
}

export interface ControlPlane {
  kubeconfig: string
  dnsAddress: string
  /** `kubectl …` as its administrator; throws when it fails. */
  kubectl(args: readonly string[], options?: { timeoutMs?: number }): Promise<string>
  /** Waits for objects, such as `node/node-1`, to be there. */
  untilKnown(objects: readonly string[]): Promise<void>
}

/** etcd, kube-apiserver, its two companions and CoreDNS, as processes on one host. */
export async function startControlPlane(
  lab: Lab,
  options: ControlPlaneOptions,
): Promise<ControlPlane> {
  const { host, directory, programs, names } = options
  const { within, address } = host
  const at = (name: string) => join(directory, name)
  const server = `https://${address}:6443`
  const kubeconfig = at('kubeconfig')
  const token = crypto.randomUUID()
  await writeFile(at('tokens.csv'), `${token},admin,admin,system:masters\n`)
  await writeFile(kubeconfig, kubeconfigText(server, token))
  await runOk(['openssl', 'genrsa', '-out', at('accounts.key'), '2048'])
  await writeFile(at('Corefile'), corefile(kubeconfig, names))

  const start = (program: string, ...args: string[]) =>
    lab.keep(
      new Daemon({
        command: [join(programs, program), ...args],
        within,
        logPath: at(`${program}.log`),
      }),
    )
  const command = [
    join(programs, 'kubectl'),
    `--kubeconfig=${kubeconfig}`,
    `--cache-dir=${at('cache')}`,
  ]
  const kubectl: ControlPlane['kubectl'] = (args, { timeoutMs = 120_000 } = {}) =>
    runOk([...command, ...args], { within, timeoutMs })

  start(
    'etcd',
    `--data-dir=${at('etcd')}`,
    '--listen-client-urls=http://127.0.0.1:2379',
    '--advertise-client-urls=http://127.0.0.1:2379',
    '--listen-peer-urls=http://127.0.0.1:2380',
    '--unsafe-no-fsync',
  )
  const apiserver = start(
    'kube-apiserver',
    '--etcd-servers=http://127.0.0.1:2379',
    `--cert-dir=${at('certificates')}`,
    `--advertise-address=${address}`,
    // Nobody knows the nodes' names.
    '--kubelet-preferred-address-types=InternalIP',
    '--service-cluster-ip-range=10.96.0.0/16',
    `--token-auth-file=${at('tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${at('accounts.key')}`,
    `--service-account-signing-key-file=${at('accounts.key')}`,
  )
  await apiserver.until(async () => {
    const { code } = await run([...command, 'get', '--raw=/readyz'], { within })
    return code === 0 || undefined
  }, 60_000)
  const client = [`--kubeconfig=${kubeconfig}`, '--leader-elect=false']
  start(
    'kube-controller-manager',
    ...client,
    `--service-account-private-key-file=${at('accounts.key')}`,
  )
  start('kube-scheduler', ...client)
  start('coredns', '-conf', at('Corefile'))
  async function untilKnown(objects: readonly string[]): Promise<void> {
    const known = [...command, 'get', ...objects]
    await apiserver.until(
      async () => (await run(known, { within })).code === 0 || undefined,
      60_000,
    )
  }
  return { kubeconfig, dnsAddress: address, kubectl, untilKnown }
}

function kubeconfigText(server: string, token: string): string {
  // YAML is a superset of JSON.
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  })
}

function corefile(kubeconfig: string, names: Readonly<Record<string, string>>): string {
  const lines = Object.entries(names).map(([name, address]) => `    ${address} ${name}`)
  return `.:53 {
  errors
  hosts {
${lines.join('\n')}
    fallthrough
  }
  kubernetes cluster.local {
    kubeconfig ${kubeconfig}
  }
}
`
}
