import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Enclosure, type RunOptions, type RunResult, run, runOk } from './command.ts'
import { Daemon } from './daemon.ts'
import { unmountBelow } from './tmp.ts'

export interface DockerdOptions {
  /** All its files, sockets too: a short path. */
  directory: string
  /** URLs of mirrors of docker.io, in order. */
  mirrors?: readonly string[]
  /** Registries spoken to by plain http, as HOST:PORT or CIDR; those on loopback need no mention. */
  insecureRegistries?: readonly string[]
  within?: Enclosure
  /**
   * Default `own`: containers reach the machine and nothing else. `none` only in a network namespace: containers get
   * `--network host` or `none` there. `full` only there too: networks, published ports and all the iptables rules of a
   * usual dockerd, which go with the namespace.
   */
  bridge?: 'own' | 'none' | 'full'
  extraArgs?: readonly string[]
}

export interface Dockerd {
  /** For `docker -H`. */
  host: string
  daemon: Daemon
  /** Its `daemon.json`, `{}` at first. */
  configPath: string
  /** `docker …` against this daemon. */
  docker(args: readonly string[], options?: RunOptions): Promise<RunResult>
  stop(): Promise<void>
}

/** A dockerd of its own: data, sockets, containerd and bridge are apart from any other on the machine. */
export async function startDockerd(options: DockerdOptions): Promise<Dockerd> {
  const { directory, within, mirrors = [], insecureRegistries = [], extraArgs = [] } = options
  await mkdir(directory, { recursive: true })
  const configPath = join(directory, 'daemon.json')
  await writeFile(configPath, '{}')
  const { bridge: kind = 'own' } = options
  const bridge = kind === 'own' ? await makeBridge() : undefined
  const host = `unix://${join(directory, 'docker.sock')}`
  const daemon = new Daemon({
    command: [
      'dockerd',
      `--config-file=${configPath}`,
      `--data-root=${join(directory, 'data')}`,
      `--exec-root=${join(directory, 'exec')}`,
      `--pidfile=${join(directory, 'docker.pid')}`,
      `--host=${host}`,
      ...(kind === 'full' ? [] : isolatedFlags(bridge)),
      ...mirrors.map((url) => `--registry-mirror=${url}`),
      ...insecureRegistries.map((registry) => `--insecure-registry=${registry}`),
      ...extraArgs,
    ],
    within,
    logPath: join(directory, 'dockerd.log'),
  })
  // A home of its own, so that nobody's credentials are sent and `docker login` changes no other.
  const env = { DOCKER_CONFIG: join(directory, 'client') }
  const docker = (args: readonly string[], runOptions: RunOptions = {}) =>
    run(['docker', '--host', host, ...args], { ...runOptions, env: { ...env, ...runOptions.env } })

  async function stop(): Promise<void> {
    await daemon.stop()
    await endContainerd(directory)
    await unmountBelow(directory)
    if (bridge !== undefined) await run(['ip', 'link', 'del', bridge])
  }

  try {
    await daemon.until(async () => (await docker(['version'])).code === 0 || undefined)
  } catch (error) {
    await stop()
    throw error
  }
  return { host, daemon, configPath, docker, stop }
}

function isolatedFlags(bridge: string | undefined): string[] {
  return [
    // Outside a namespace `none` would delete the machine's docker0.
    `--bridge=${bridge ?? 'none'}`,
    '--iptables=false',
    '--ip6tables=false',
    '--ip-masq=false',
    '--userland-proxy=false',
  ]
}

/** dockerd ends its containerd itself, unless it was killed. */
async function endContainerd(directory: string): Promise<void> {
  const path = join(directory, 'exec/containerd/containerd.pid')
  const pid = Number(await readFile(path, 'utf8').catch(() => '0'))
  if (pid === 0) return
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  if (command.includes(directory)) process.kill(pid, 'SIGKILL')
}

let made = 0

/** Containers reach this machine over it and nothing else, as there are no iptables rules for it. */
async function makeBridge(): Promise<string> {
  const number = made++
  const name = `dfb${process.pid}x${number}`
  const subnet = (process.pid * 7 + number) % 250
  await runOk(['ip', 'link', 'add', name, 'type', 'bridge'])
  await runOk(['ip', 'address', 'add', `10.233.${subnet}.1/24`, 'dev', name])
  return name
}
