import { formatAddress, parseListen } from '@df/kit'
import { routes } from '@df/proto'
import type { DoctorContext } from './check.ts'
import { type Listener, listenerOf } from './listeners.ts'

/** What a running dfdaemon says of itself at /readyz. */
export interface RunningDaemon {
  version: string | undefined
  peerPort: number | undefined
  supernodes: readonly { supernode: string; connected: boolean }[]
}

/** What is at the mirror's address. */
export interface MirrorFacts {
  /** `HOST:PORT` of the mirror, as this host reaches it. */
  address: string
  daemon: RunningDaemon | undefined
  /** Who has the port. */
  listener: Listener | undefined
}

export async function mirrorFacts({ config, probes }: DoctorContext): Promise<MirrorFacts> {
  const { host, port } = parseListen(config.listen)
  const address = formatAddress(reachable(host), port)
  const [answer, listener] = await Promise.all([
    probes.plain(`http://${address}${routes.readyz.path}`),
    listenerOf(port),
  ])
  return { address, daemon: runningDaemon(answer.body), listener }
}

/** The address under which this host reaches a listener. */
export function reachable(host: string): string {
  return { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
}

/** undefined when the text is not what a dfdaemon says. */
export function runningDaemon(readyz: string): RunningDaemon | undefined {
  let answer: unknown
  try {
    answer = JSON.parse(readyz)
  } catch {
    return undefined
  }
  if (typeof answer !== 'object' || answer === null || !('supernodes' in answer)) return undefined
  const { supernodes, version, peerPort } = answer as Record<string, unknown>
  if (!Array.isArray(supernodes)) return undefined
  return {
    version: typeof version === 'string' ? version : undefined,
    peerPort: typeof peerPort === 'number' ? peerPort : undefined,
    supernodes: supernodes.flatMap((each: { supernode?: unknown; connected?: unknown } | null) =>
      typeof each?.supernode === 'string'
        ? [{ supernode: each.supernode, connected: each.connected === true }]
        : [],
    ),
  }
}
