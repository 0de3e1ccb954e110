import { isAppError } from '@df/proto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { startMirror } from '../test-support/mirror.ts'
import { Upstreams } from './upstreams.ts'

const upstreams = new Upstreams({
  upstream: 'http://127.0.0.1:5001/',
  registries: {
    'Quay.io': 'https://mirror.lan/quay/',
    'registry.lan:5000': 'http://10.0.0.1:5000',
  },
})

describe('the registry that a request means', () => {
  it.each([
    [undefined, 'http://127.0.0.1:5001'],
    ['quay.io', 'https://mirror.lan/quay'],
    ['QUAY.IO', 'https://mirror.lan/quay'],
    ['registry.lan:5000', 'http://10.0.0.1:5000'],
    ['docker.io', 'https://registry-1.docker.io'],
    ['ghcr.io', 'https://ghcr.io'],
    ['ghcr.io:8443', 'https://ghcr.io:8443'],
    ['10.1.2.3:5000', 'https://10.1.2.3:5000'],
    ['[::1]:5000', 'https://[::1]:5000'],
    ['localhost', 'https://localhost'],
  ])('for ns %s is %s', (ns, base) => {
    expect(upstreams.resolve(ns).base).toBe(base)
  })

  it.each([
    '',
    'a b',
    'user@host',
    'host/path',
    'host?x',
    'host#x',
    'http://host',
    'host:port',
    'host:999999',
    '-host',
    'host..lan',
    '[::1',
    'h\u00f6st',
    'host%2fpath',
    `${'a'.repeat(260)}.lan`,
  ])('for ns %j is none', (ns) => {
    expect(() => upstreams.resolve(ns)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID' }),
    )
  })

  it('is never anything but https at that host, whatever ns says', () => {
    const none = new Upstreams({ upstream: 'http://127.0.0.1:1', registries: {} })
    const hostLike = fc.stringMatching(/^[a-z0-9.:@/\\?#%[\] -]{0,30}$/)
    fc.assert(
      fc.property(fc.oneof(fc.string(), hostLike), (ns) => {
        try {
          const { base, origin } = none.resolve(ns)
          const url = new URL(base)
          if (ns === 'docker.io' || ns === 'index.docker.io') return
          expect(url.protocol).toBe('https:')
          expect([url.username, url.pathname, url.search, url.hash]).toEqual(['', '/', '', ''])
          expect(origin).toBe(url.origin)
        } catch (error) {
          if (!isAppError(error, 'REQUEST_INVALID')) throw error
        }
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['not a URL', {}],
    ['ftp://host', {}],
    ['https://user:pass@host', {}],
    ['https://host/?x=1', {}],
    ['https://host', { 'a/b': 'https://host' }],
    ['https://host', { a: 'nothing' }],
  ])('cannot be configured as %s %j', (upstream, registries) => {
    expect(() => new Upstreams({ upstream, registries })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})

describe('the ns parameter', () => {
  it('chooses the registry and is not passed on', async () => {
    const mirror = await startMirror({
      upstream: 'http://127.0.0.1:9',
      registries: (url) => ({ 'registry.test': url }),
    })
    const answer = await mirror.ask('/v2/a/b/tags/list?n=2&ns=registry.test&last=x')
    expect(answer.status).toBe(404)
    expect(mirror.registry.log.entries[0]?.url).toBe('/v2/a/b/tags/list?n=2&last=x')
  })

  it.each(['ns=a%2fb', 'ns=a&ns=b', '%6es=a%20b', 'ns='])(
    'that is no host is refused: %s',
    async (query) => {
      const mirror = await startMirror()
      const answer = await mirror.ask(`/v2/a/b/tags/list?${query}`)
      expect(answer.status).toBe(400)
      expect(JSON.parse(answer.body.toString())).toHaveProperty('errors')
      expect(mirror.registry.log.entries).toEqual([])
    },
  )

  it('of an internal address that nobody configured is guarded', async () => {
    const mirror = await startMirror()
    const port = new URL(mirror.registry.url).port
    const answer = await mirror.ask(`/v2/a/b/tags/list?ns=127.0.0.1:${port}`)
    expect(answer.status).toBe(502)
    expect(answer.body.toString()).toContain('--allow-origin')
  })

  it('that a registry is configured for may have a path', async () => {
    const mirror = await startMirror({
      upstream: 'http://127.0.0.1:9',
      registries: (url) => ({ 'registry.test': `${url}/prefix/` }),
    })
    await mirror.ask('/v2/a/b/tags/list?ns=registry.test')
    expect(mirror.registry.log.entries[0]?.url).toBe('/prefix/v2/a/b/tags/list')
  })
})
