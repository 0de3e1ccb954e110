import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NoProxy } from './no-proxy.ts'

const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/)
const domain = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'))
const port = fc.integer({ min: 1, max: 65_535 })
const ipv4 = fc.ipV4()

const matches = (entry: string, host: string, at = 443) =>
  new NoProxy([entry]).matches({ host, port: at })

describe('a target as NO_PROXY has them', () => {
  it('that is a name means it and all below it, in any letters', () => {
    fc.assert(
      fc.property(domain, label, port, (name, sub, at) => {
        expect(matches(name.toUpperCase(), name, at)).toBe(true)
        expect(matches(name, `${sub}.${name}`, at)).toBe(true)
        expect(matches(name, `${sub}${name}`, at)).toBe(false)
      }),
    )
  })

  it('with a dot or a star in front means only what is below', () => {
    fc.assert(
      fc.property(domain, label, fc.constantFrom('.', '*.'), (name, sub, front) => {
        expect(matches(front + name, name)).toBe(false)
        expect(matches(front + name, `${sub}.${name}`)).toBe(true)
      }),
    )
  })

  it('with a port means that port only', () => {
    fc.assert(
      fc.property(domain, port, port, (name, one, other) => {
        expect(matches(`${name}:${one}`, name, other)).toBe(one === other)
        expect(matches(`*:${one}`, name, other)).toBe(one === other)
      }),
    )
  })

  it('that is an address or a net means addresses, and no name', () => {
    fc.assert(
      fc.property(ipv4, fc.integer({ min: 0, max: 32 }), domain, (ip, prefix, name) => {
        expect(matches(ip, ip)).toBe(true)
        expect(matches(`${ip}/${prefix}`, ip)).toBe(true)
        expect(matches(`${ip}:80`, ip, 80)).toBe(true)
        expect(matches(`${ip}/${prefix}`, name)).toBe(false)
      }),
    )
    expect(matches('10.0.0.0/8', '11.0.0.1')).toBe(false)
    expect(matches('[::1]:80', '::1', 80)).toBe(true)
    expect(matches('::1', '::1')).toBe(true)
    expect(matches('fd00::/8', 'fd12::1')).toBe(true)
  })

  it('that is a star means everything', () => {
    expect(matches('*', 'anything.lan')).toBe(true)
    expect(matches('*', '::1')).toBe(true)
  })

  it('that is none is refused', () => {
    for (const entry of ['', 'http://x', 'a b', '10.0.0.0/33', '.', 'x:y'])
      expect(() => new NoProxy([entry]), entry).toThrow(/is not a target/)
  })
})
