import { AppError } from '@df/proto'
import {
  addressForms,
  type Cidr,
  cidr,
  type IpAddress,
  inCidr,
  parseCidr,
  parseIp,
} from './ip-address.ts'

export interface AddressGuard {
  /**
   * Called with the address a name resolved to, before anything is sent there.
   * @throws AppError ORIGIN_REFUSED when the address is guarded and neither it nor the name is allowed
   */
  check(hostname: string, ip: string): void
}

const guarded = [
  // "this network", RFC 1918, shared (CGNAT), loopback, link-local, protocol assignments, benchmarks, multicast, reserved
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // unspecified and loopback, local NAT64, discard, unique local, link-local, site-local, multicast
  '::/127',
  '64:ff9b:1::/48',
  '100::/64',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
].map(cidr)
const loopback = ['127.0.0.0/8', '::1'].map(cidr)

/**
 * Keeps requests that others can cause away from this host's own networks (design §8.5). `allow` holds host
 * names (whatever they resolve to), addresses and CIDRs; a port after any of them is ignored.
 * @throws AppError CONFIG_INVALID when an entry is none of these
 */
export function createAddressGuard({ allow }: { allow: readonly string[] }): AddressGuard {
  const names = new Set<string>()
  const nets: Cidr[] = []
  for (const entry of allow) {
    const parsed = parseAllowed(entry)
    if (typeof parsed === 'string') names.add(parsed)
    else nets.push(parsed)
  }
  return {
    check(hostname, ip) {
      const address = parseIp(ip)
      if (address !== undefined) {
        const forms = addressForms(address)
        if (!matches(forms, guarded)) return
        if (matches(forms, nets)) return
      }
      const name = plainName(hostname)
      if (names.has(name)) return
      const where = name === ip ? ip : `${name} (${ip})`
      throw new AppError('ORIGIN_REFUSED', `${where} is an address of an internal network`, {
        hint: `if it is meant to be reached, add --allow-origin ${name}`,
      })
    },
  }
}

/** True for 127.0.0.0/8 and ::1, in IPv4-mapped form too. */
export function isLoopbackAddress(ip: string): boolean {
  const address = parseIp(ip)
  return address !== undefined && matches(addressForms(address), loopback)
}

function matches(forms: readonly IpAddress[], nets: readonly Cidr[]): boolean {
  return forms.some((form) => nets.some((net) => inCidr(form, net)))
}

function parseAllowed(entry: string): Cidr | string {
  const text = entry.trim()
  const net = parseCidr(text) ?? parseCidr(plainName(text.replace(/:\d+$/, '')))
  if (net !== undefined) return net
  const name = plainName(text.replace(/:\d+$/, ''))
  if (/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(name)) return name
  throw new AppError('CONFIG_INVALID', `'${entry}' is not a host name, an address or a CIDR`, {
    hint: 'write registry.example.com, 10.1.2.3 or 10.0.0.0/8',
  })
}

/** Lower case, without brackets and final dot. */
function plainName(hostname: string): string {
  return hostname
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase()
}
