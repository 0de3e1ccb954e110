import { BlockList } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressForms, cidr, inCidr, parseCidr, parseIp } from './ip-address.ts'

const ip = fc.oneof(fc.ipV4(), fc.ipV6())
const prefixed = ip.chain((address) =>
  fc.tuple(fc.constant(address), fc.nat(address.includes(':') ? 128 : 32)),
)

test('a net contains what the system says it contains', () => {
  // Neighbours: addresses that share most bits with the net, so that both answers occur.
  const cases = prefixed.chain(([net, prefix]) =>
    fc.tuple(fc.constant(net), fc.constant(prefix), fc.oneof(ip, fc.constant(net), near(net))),
  )
  fc.assert(
    fc.property(cases, ([net, prefix, address]) => {
      const list = new BlockList()
      list.addSubnet(net, prefix, net.includes(':') ? 'ipv6' : 'ipv4')
      const parsed = parseIp(address)
      if (parsed === undefined) throw new Error(`unreadable ${address}`)
      // BlockList takes IPv4-mapped addresses for IPv4; inCidr compares what is written.
      fc.pre(net.includes(':') === address.includes(':') && !/^::ffff:/i.test(address))
      expect(inCidr(parsed, cidr(`${net}/${prefix}`))).toBe(
        list.check(address, address.includes(':') ? 'ipv6' : 'ipv4'),
      )
    }),
    { numRuns: 1000 },
  )
})

function near(address: string) {
  return address.includes(':')
    ? fc.constantFrom(address.replace(/[0-9a-f]$/i, '0'), address)
    : fc.nat(255).map((last) => address.replace(/\d+$/, String(last)))
}

test('an IPv4 address is found inside all its IPv6 forms', () => {
  fc.assert(
    fc.property(fc.ipV4(), (v4) => {
      const hex = v4
        .split('.')
        .map((part) => Number(part).toString(16).padStart(2, '0'))
        .join('')
      const groups = `${hex.slice(0, 4)}:${hex.slice(4)}`
      const plain = parseIp(v4)
      fc.pre(plain !== undefined && plain.value > 1n)
      for (const form of [
        `::ffff:${v4}`,
        `::ffff:${groups}`,
        `64:ff9b::${v4}`,
        `2002:${groups}::1`,
      ]) {
        const parsed = parseIp(form)
        expect(parsed && addressForms(parsed)).toContainEqual(plain)
      }
    }),
  )
})

test('whatever the text, reading it gives a net of the right size or nothing', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        ip,
        prefixed.map(([a, p]) => `${a}/${p + 1}`),
      ),
      (text) => {
        const net = parseCidr(text)
        expect(net === undefined || net.prefix <= net.address.bits).toBe(true)
      },
    ),
  )
})

test('texts that are no net are refused', () => {
  for (const text of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0/8', '10.0.0.0/8/8', 'x', '']) {
    expect(parseCidr(text)).toBeUndefined()
    expect(() => cidr(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  }
})
