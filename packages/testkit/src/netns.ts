import { setTimeout as sleep } from 'node:timers/promises'
import { type Enclosure, type RunOptions, type RunResult, run, runOk } from './command.ts'

export interface NetworkOptions {
  hosts: number
  /** Bits per second that each host may send, and may receive; no limit when absent. */
  egressBps?: number
  ingressBps?: number
}

export interface LinkLimits {
  egressBps?: number
  ingressBps?: number
}

export interface LinkBytes {
  sent: number
  received: number
}

/** Holds a GSO packet of 64 KiB and some: with less, tbf splits packets and never reaches its rate. */
const burst = '128kb'

let made = 0

/**
 * Hosts on one machine: network namespaces with a veth each to a bridge, which is in a namespace too, so the
 * machine's own network is left alone, and networks may run side by side. Congestion control is reno, as bbr on
 * short links makes rates meaningless. Root only.
 */
export class TestNetwork {
  readonly hosts: readonly NetworkHost[]
  readonly #switch: string

  private constructor(name: string, hosts: readonly NetworkHost[]) {
    this.#switch = name
    this.hosts = hosts
  }

  static async create({ hosts: count, ...limits }: NetworkOptions): Promise<TestNetwork> {
    const prefix = `df${process.pid}n${made++}`
    const bridge = `${prefix}-sw`
    const hosts = Array.from({ length: count }, (_, i) => new NetworkHost(prefix, bridge, i))
    const network = new TestNetwork(bridge, hosts)
    try {
      await runOk(['ip', 'netns', 'add', bridge])
      await runOk(['ip', '-n', bridge, 'link', 'add', 'br0', 'type', 'bridge'])
      await runOk(['ip', '-n', bridge, 'link', 'set', 'br0', 'up'])
      for (const host of hosts) {
        await host.connect()
        await host.limit(limits)
      }
    } catch (error) {
      await network.remove()
      throw error
    }
    return network
  }

  /** Ends what still runs in the namespaces, then removes them. */
  async remove(): Promise<void> {
    const names = [...this.hosts.map(({ name }) => name), this.#switch]
    await Promise.all(names.map(removeNamespace))
  }
}

export class NetworkHost {
  /** Name of its namespace. */
  readonly name: string
  readonly address: string
  /** For programs that run on this host. `ip netns exec` would hide the cgroups, which dockerd needs. */
  readonly within: Enclosure
  readonly #switch: string
  readonly #port: string

  constructor(prefix: string, bridge: string, index: number) {
    this.name = `${prefix}-${index}`
    this.address = `10.231.${Math.floor(index / 200)}.${(index % 200) + 10}`
    this.within = { command: ['nsenter', `--net=/run/netns/${this.name}`], env: {} }
    this.#switch = bridge
    this.#port = `p${index}`
  }

  async connect(): Promise<void> {
    const ip = (...args: string[]) => runOk(['ip', ...args])
    await ip('netns', 'add', this.name)
    const peer = ['type', 'veth', 'peer', 'name', this.#port, 'netns', this.#switch]
    await ip('link', 'add', 'eth0', 'netns', this.name, ...peer)
    await ip('-n', this.#switch, 'link', 'set', this.#port, 'master', 'br0', 'up')
    await ip('-n', this.name, 'link', 'set', 'lo', 'up')
    await ip('-n', this.name, 'address', 'add', `${this.address}/16`, 'dev', 'eth0')
    await ip('-n', this.name, 'link', 'set', 'eth0', 'up')
    const reno = 'echo reno > /proc/sys/net/ipv4/tcp_congestion_control'
    await runOk(['sh', '-c', reno], { within: this.within })
  }

  /** Changes the rates of its cable; may be called while it is in use. */
  async limit({ egressBps, ingressBps }: LinkLimits): Promise<void> {
    if (egressBps !== undefined) await shape(this.name, 'eth0', egressBps)
    if (ingressBps !== undefined) await shape(this.#switch, this.#port, ingressBps)
  }

  /** Unplugs the cable at the switch: no packet passes, no end is told. */
  async cut(): Promise<void> {
    await runOk(['ip', '-n', this.#switch, 'link', 'set', this.#port, 'down'])
  }

  async heal(): Promise<void> {
    await runOk(['ip', '-n', this.#switch, 'link', 'set', this.#port, 'up'])
  }

  run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return run(command, { ...options, within: this.within })
  }

  /** What went over its cable so far, headers included. */
  async bytes(): Promise<LinkBytes> {
    const text = await runOk(['cat', '/proc/net/dev'], { within: this.within })
    const [received, , , , , , , , sent] = (/eth0:(.*)/.exec(text)?.[1] ?? '')
      .trim()
      .split(/\s+/)
      .map(Number)
    return { sent: sent ?? 0, received: received ?? 0 }
  }
}

async function shape(namespace: string, device: string, bps: number): Promise<void> {
  const tbf = ['tbf', 'rate', `${Math.round(bps)}bit`, 'burst', burst, 'latency', '100ms']
  await runOk(['tc', '-n', namespace, 'qdisc', 'replace', 'dev', device, 'root', ...tbf])
}

async function removeNamespace(name: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const pid of await pidsIn(name)) killQuietly(pid, signal)
    for (let i = 0; i < 30 && (await pidsIn(name)).length > 0; i++) await sleep(100)
  }
  await run(['ip', 'netns', 'del', name])
}

async function pidsIn(name: string): Promise<number[]> {
  const { stdout } = await run(['ip', 'netns', 'pids', name])
  return stdout.split('\n').filter(Boolean).map(Number)
}

function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself.
  }
}
