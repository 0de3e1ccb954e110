import { routes } from '@df/proto'
import { type Check, type Finding, failure, ok } from './check.ts'
import type { SessionFacts } from './probes.ts'
import type { WebFacts } from './web-probe.ts'
import { expiring, type Mends, unreachable } from './web-verdict.ts'

export interface SupernodeFacts {
  url: string
  health: WebFacts
  /** Absent when /healthz gave no answer. */
  session?: SessionFacts
}

/** Whether hosts can have a session with each SuperNode. */
export const supernodeCheck: Check = {
  name: 'supernode',
  summary: 'each SuperNode: name, TCP, TLS, /healthz, session, protocol version',
  async run({ config, probes }) {
    const each = config.supernode.map(async (url) => {
      const health = await probes.supernode(new URL(routes.healthz.path, url).href)
      if (unreachable(health, mendsOf(url)) !== undefined) return judgeSupernode({ url, health })
      return judgeSupernode({ url, health, session: await probes.session({ url }) })
    })
    return (await Promise.all(each)).flat()
  },
}

export function judgeSupernode({ url, health, session }: SupernodeFacts): Finding[] {
  const mends = mendsOf(url)
  const obstacle = unreachable(health, mends)
  if (obstacle !== undefined) return [obstacle]
  if (session !== undefined && 'error' in session) {
    const { code, message } = session.error
    if (code === 'PROTOCOL_UNSUPPORTED') {
      return [failure(`${url}: ${message}`, 'install the same release of dfdaemon and supernode')]
    }
    return [
      failure(
        health.status === 200
          ? `${url}: answers /healthz, but opens no session: ${message}`
          : `${url}: is no SuperNode (/healthz says ${health.status})`,
        'mend --supernode; a proxy in between must pass WebSocket upgrades of /v1/session',
      ),
    ]
  }
  return [ok(`${url}: opens sessions${linkWords(url, health)}`), ...expiring(health, mends)]
}

function linkWords(url: string, { certificate }: WebFacts): string {
  if (certificate !== undefined) return ` over TLS, certificate by ${certificate.issuer}`
  const { hostname } = new URL(url)
  const isNear = hostname === 'localhost' || hostname.startsWith('127.') || hostname === '[::1]'
  return isNear ? '' : ' without TLS: hosts read private images at the registry themselves'
}

function mendsOf(url: string): Mends {
  const { hostname, port, protocol } = new URL(url)
  return {
    name: 'mend --supernode, /etc/hosts or DNS',
    start: `start it (supernode --listen 0.0.0.0:${port || (protocol === 'https:' ? 443 : 80)} on ${hostname}), or mend --supernode`,
    authority: 'give its authority with --supernode-ca FILE',
    certificate: 'give supernode another one: --tls-cert FILE --tls-key FILE, and restart it',
    address: '--supernode',
  }
}
