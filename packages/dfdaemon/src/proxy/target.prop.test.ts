import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HostPatterns, readHostAndPort } from './host-pattern.ts'
import { authorityOf, isAbsoluteForm, readAbsoluteForm, readOriginForm, urlOf } from './target.ts'

const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6().map((ip) => `[${ip}]`),
  fc.domain().filter((name) => URL.canParse(`http://${name}`) && !/^\d+(\.|$)/.test(name)),
)
const port = fc.integer({ min: 1, max: 65_535 })
const path = fc.webPath().filter((text) => !text.includes('#'))

describe('the absolute form', () => {
  it('gives where a request goes, its path as it was sent', () => {
    fc.assert(
      fc.property(fc.constantFrom('http', 'https'), host, port, path, (scheme, name, at, rest) => {
        const target = readAbsoluteForm(`${scheme}://${name}:${at}${rest}`)
        expect(target).toMatchObject({ scheme, port: at, path: rest === '' ? '/' : rest })
        const url = new URL(`${scheme}://${name}:${at}/`)
        const authority = target && authorityOf(target)
        expect(new URL(`${scheme}://${authority}/`).host).toBe(url.host)
      }),
    )
  })

  it('without a port has the one of the scheme', () => {
    expect(readAbsoluteForm('http://a.lan')).toMatchObject({ port: 80, path: '/' })
    expect(readAbsoluteForm('HTTPS://A.lan?q')).toMatchObject({
      host: 'a.lan',
      port: 443,
      path: '/?q',
    })
  })

  it.each([
    'ftp://a.lan/',
    'http://user:secret@a.lan/',
    'http://a.lan:0/',
    'http://a.lan:99999/',
    'http:///x',
    'http://[::1/',
    'http://a b/',
    'http://a.lan/#x',
    '/v2/',
  ])('%s is none', (text) => {
    expect(readAbsoluteForm(text)).toBeUndefined()
  })

  it('is told from the origin form, and from CONNECT’s, whatever comes', () => {
    fc.assert(
      fc.property(fc.string(), host, port, (text, name, at) => {
        expect(isAbsoluteForm(`/${text}`)).toBe(false)
        expect(isAbsoluteForm(`${name}:${at}`)).toBe(false)
        expect(isAbsoluteForm(`http://${text}`)).toBe(true)
      }),
    )
  })
})

it('rules see a path without dots, the origin gets it as sent', () => {
  const target = readOriginForm('/a/../secret', { host: 'a.lan', port: 443 })
  expect(target?.path).toBe('/a/../secret')
  expect(target && urlOf(target)?.href).toBe('https://a.lan/secret')
})

describe('a list of hosts', () => {
  it('matches hosts and ports as written, and what is below a star', () => {
    const list = new HostPatterns(['registry.lan:5000', '*.corp', '10.0.0.5', '[::1]:80'])
    const matching = (text: string) => {
      const at = readHostAndPort(text)
      return at !== undefined && list.matches(at)
    }
    expect(['registry.lan:5000', 'a.b.corp:443', '10.0.0.5:1', '[::1]:80'].map(matching)).toEqual(
      Array(4).fill(true),
    )
    expect(['registry.lan:443', 'corp:443', '10.0.0.6:1', '[::1]:81'].map(matching)).toEqual(
      Array(4).fill(false),
    )
    expect(new HostPatterns(['*']).matches({ host: 'x', port: 1 })).toBe(true)
  })

  it('refuses what is no host', () => {
    for (const entry of ['http://a', 'a b', '*.', 'a*.lan', ''])
      expect(() => new HostPatterns([entry]), entry).toThrow(/is not a host/)
  })
})
