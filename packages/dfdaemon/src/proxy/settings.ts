import { readPem } from '@df/kit'
import type { DaemonConfig } from '../config.ts'
import { HostPatterns } from './host-pattern.ts'
import { LeafCache } from './leaf-cache.ts'
import { NoProxy } from './no-proxy.ts'
import { Outgoing } from './outgoing.ts'
import { ProxyRules } from './rules.ts'

/** What the proxy is told by the configuration, read and checked. */
export interface ProxySettings {
  rules: ProxyRules
  bypass: NoProxy
  intercept: HostPatterns
  leaves: LeafCache | undefined
  outgoing: Outgoing
}

/** @throws AppError CONFIG_INVALID for files that cannot be read or used */
export async function readProxySettings(
  { rule, bypass, intercept, caCert, caKey }: DaemonConfig['proxy'],
  originCa: string | undefined,
): Promise<ProxySettings> {
  return {
    rules: new ProxyRules(rule),
    bypass: new NoProxy(bypass),
    intercept: new HostPatterns(intercept),
    leaves:
      caCert === undefined || caKey === undefined
        ? undefined
        : await readLeaves(
            await readPem('--proxy.ca-cert', caCert),
            await readPem('--proxy.ca-key', caKey),
          ),
    outgoing: new Outgoing(originCa === undefined ? {} : { ca: originCa }),
  }
}

/**
 * Whether an origin is one of the hosts that the operator listed as those whose TLS is opened, so that it may be read
 * wherever it is. A list of all hosts lists none.
 */
export function interceptedOrigins({
  intercept,
}: DaemonConfig['proxy']): (origin: string) => boolean {
  const listed = new HostPatterns(intercept.filter((entry) => !/^\*(:\d+)?$/.test(entry.trim())))
  return (origin) => {
    const url = URL.parse(origin)
    if (url?.protocol !== 'https:') return false
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    return listed.matches({ host, port: url.port === '' ? 443 : Number(url.port) })
  }
}

async function readLeaves(cert: string, key: string): Promise<LeafCache> {
  // Loaded only where TLS is opened: it brings a whole ASN.1 library.
  const { loadAuthority } = await import('./authority.ts')
  return new LeafCache({ authority: await loadAuthority({ cert, key }) })
}
