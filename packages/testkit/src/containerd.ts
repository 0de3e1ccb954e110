import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Enclosure, type RunOptions, type RunResult, run } from './command.ts'
import { CriClient } from './cri.ts'
import { Daemon } from './daemon.ts'
import { unmountBelow } from './tmp.ts'

export interface ContainerdOptions {
  /** All its files, sockets too: a short path. */
  directory: string
  /**
   * How mirrors are configured: `hosts` is a `hosts.toml` for each registry, `mirrors` the older
   * `registry.mirrors` table of the CRI plugin; `none` says nothing about registries.
   */
  mode: 'hosts' | 'mirrors' | 'none'
  /** Registry → URL of its mirror, as `docker.io` → `http://127.0.0.1:65001`. */
  mirrors?: Readonly<Record<string, string>>
  /** Image of pod sandboxes, from a registry that it reaches; any image whose command stays. */
  sandboxImage?: string
  within?: Enclosure
}

export interface Containerd {
  socket: string
  daemon: Daemon
  cri: CriClient
  /** `ctr …` against this daemon; 1.6 fetches in the client, so it runs in the same enclosure. */
  ctr(args: readonly string[], options?: RunOptions): Promise<RunResult>
  /** For `ctr images pull --hosts-dir`. */
  hostsDirectory: string
  configPath: string
  /** So that it reads its configuration again. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** A containerd 1.x with CRI of its own. */
export async function startContainerd(options: ContainerdOptions): Promise<Containerd> {
  const { directory, within, mirrors = {} } = options
  const hostsDirectory = join(directory, 'certs.d')
  await mkdir(join(directory, 'cni'), { recursive: true })
  if (options.mode === 'hosts') await writeHosts(hostsDirectory, mirrors)
  const configPath = join(directory, 'config.toml')
  await writeFile(configPath, configText(options, hostsDirectory))
  const socket = join(directory, 'c.sock')
  const start = () =>
    new Daemon({
      command: ['containerd', '--config', configPath],
      within,
      logPath: join(directory, 'containerd.log'),
    })
  let daemon = start()
  const cri = new CriClient(socket)
  const ctr = (args: readonly string[], runOptions: RunOptions = {}) =>
    run(['ctr', '--address', socket, ...args], { within, ...runOptions })

  async function stop(): Promise<void> {
    cri.close()
    await daemon.stop()
    await unmountBelow(directory)
  }

  async function untilReady(): Promise<void> {
    try {
      await daemon.until(() => cri.version().catch(() => undefined))
    } catch (error) {
      await stop()
      throw error
    }
  }

  async function restart(): Promise<void> {
    await daemon.stop()
    daemon = start()
    await untilReady()
  }

  await untilReady()
  return {
    socket,
    get daemon() {
      return daemon
    },
    ...{ cri, ctr, hostsDirectory, configPath, restart, stop },
  }
}

/** Without `server`, so that the registry itself stays the last resort. */
async function writeHosts(
  directory: string,
  mirrors: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [registry, url] of Object.entries(mirrors)) {
    await mkdir(join(directory, registry), { recursive: true })
    await writeFile(
      join(directory, registry, 'hosts.toml'),
      `[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`,
    )
  }
}

function configText(options: ContainerdOptions, hostsDirectory: string): string {
  const { directory, mode, mirrors = {}, sandboxImage = 'registry.test/pause:1' } = options
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  const registry =
    mode === 'hosts'
      ? `[${cri}.registry]\n  config_path = "${hostsDirectory}"\n`
      : Object.entries(mirrors)
          .map(([name, url]) => `[${cri}.registry.mirrors."${name}"]\n  endpoint = ["${url}"]\n`)
          .join('')
  return `version = 2
root = "${directory}/root"
state = "${directory}/state"
[grpc]
  address = "${directory}/c.sock"
[${cri}]
  sandbox_image = "${sandboxImage}"
  stream_server_address = "127.0.0.1"
  restrict_oom_score_adj = true
  [${cri}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${directory}/cni"
${registry}`
}
