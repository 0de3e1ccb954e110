import { parseIp } from '@df/kit'

/** Tags of the parts (RFC 5280 §4.2.1.10 and §4.2.1.6, DER). */
const tags = { sequence: 0x30, permitted: 0xa0, excluded: 0xa1, dnsName: 0x82, ipAddress: 0x87 }

const anyIpv4 = Buffer.alloc(8)
const anyIpv6 = Buffer.alloc(32)

/**
 * The value of an X.509 name constraints extension that permits these hosts and nothing else: names, with all that is
 * below them (`*.` in front says the same), and IP addresses.
 */
export function nameConstraints(hosts: readonly string[]): Buffer {
  const names: Buffer[] = []
  const addresses: Buffer[] = []
  for (const host of hosts) {
    const ip = parseIp(host)
    if (ip === undefined) names.push(der(tags.dnsName, Buffer.from(host.replace(/^\*\./, ''))))
    else addresses.push(der(tags.ipAddress, addressAndMask(ip)))
  }
  // A kind of name that is not mentioned would be free.
  const excluded = [
    ...(names.length === 0 ? [der(tags.dnsName, Buffer.alloc(0))] : []),
    ...(addresses.length === 0 ? [anyIpv4, anyIpv6].map((any) => der(tags.ipAddress, any)) : []),
  ]
  return der(
    tags.sequence,
    der(tags.permitted, ...[...names, ...addresses].map((base) => der(tags.sequence, base))),
    ...(excluded.length === 0
      ? []
      : [der(tags.excluded, ...excluded.map((base) => der(tags.sequence, base)))]),
  )
}

function addressAndMask({ bits, value }: { bits: number; value: bigint }): Buffer {
  const hex = value.toString(16).padStart(bits / 4, '0')
  return Buffer.from(hex + 'f'.repeat(bits / 4), 'hex')
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const hex = length.toString(16)
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes])
}
