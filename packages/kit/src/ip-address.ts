import { isIP } from 'node:net'
import { AppError } from '@df/proto'

/** An address as a number of 32 or 128 bits. */
export interface IpAddress {
  bits: 32 | 128
  value: bigint
}

/** All addresses whose first `prefix` bits are those of `address`. */
export interface Cidr {
  address: IpAddress
  prefix: number
}

/** Undefined when the text is no address. A zone (`%eth0`) is dropped. */
export function parseIp(text: string): IpAddress | undefined {
  const bare = text.split('%')[0] ?? ''
  const family = isIP(bare)
  if (family === 4) return { bits: 32, value: ipv4Value(bare) }
  if (family === 6) return { bits: 128, value: ipv6Value(bare) }
  return undefined
}

/**
 * Reads `10.0.0.0/8`, `fd00::/8`, or an address alone (one address). Bits after the prefix are ignored.
 * Undefined when the text is neither.
 */
export function parseCidr(text: string): Cidr | undefined {
  const [ip = '', length, ...rest] = text.split('/')
  const address = parseIp(ip)
  if (address === undefined || rest.length > 0) return undefined
  if (length === undefined) return { address, prefix: address.bits }
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN
  return prefix <= address.bits ? { address, prefix } : undefined
}

/** @throws AppError CONFIG_INVALID */
export function cidr(text: string): Cidr {
  const parsed = parseCidr(text)
  if (parsed === undefined) {
    throw new AppError('CONFIG_INVALID', `'${text}' is not an address or a CIDR`, {
      hint: 'write an address such as 10.1.2.3, or a net such as 10.0.0.0/8 or fd00::/8',
    })
  }
  return parsed
}

export function inCidr(ip: IpAddress, { address, prefix }: Cidr): boolean {
  if (ip.bits !== address.bits) return false
  const shift = BigInt(ip.bits - prefix)
  return ip.value >> shift === address.value >> shift
}

/**
 * The address and the IPv4 address it stands for, if any: IPv4-mapped (RFC 4291 §2.5.5.2), IPv4-compatible
 * (§2.5.5.1), NAT64 (RFC 6052) and 6to4 (RFC 3056). Packets to any of them can end at the IPv4 address.
 */
export function addressForms(ip: IpAddress): readonly IpAddress[] {
  for (const { net, shift } of embeddings) {
    if (!inCidr(ip, net)) continue
    const value = (ip.value >> shift) & 0xffff_ffffn
    // ::1 and :: are themselves, not the IPv4 addresses 0.0.0.1 and 0.0.0.0.
    if (value > 1n) return [ip, { bits: 32, value }]
  }
  return [ip]
}

const embeddings = [
  { net: cidr('::ffff:0:0/96'), shift: 0n },
  { net: cidr('::/96'), shift: 0n },
  { net: cidr('64:ff9b::/96'), shift: 0n },
  { net: cidr('2002::/16'), shift: 80n },
] as const

function ipv4Value(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}

function ipv6Value(text: string): bigint {
  const [head = '', tail] = text.split('::')
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = Array<bigint>(8 - before.length - after.length).fill(0n)
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | group, 0n)
}

function groups(text: string): bigint[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)]
    const v4 = ipv4Value(group)
    return [v4 >> 16n, v4 & 0xffffn]
  })
}
