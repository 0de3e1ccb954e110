import { createServer } from 'node:http'
import { gzipSync } from 'node:zlib'
import { listen } from '@df/kit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { bytesOf, sha256, startMirror, type TestMirror } from '../test-support/mirror.ts'

const mediaType = 'application/vnd.oci.image.manifest.v1+json'
const blob = bytesOf('layer', 1000)
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: { mediaType: 'application/x', digest: sha256(blob), size: 1000 },
    layers: [],
  }),
)
const digest = sha256(manifest)

function withManifest(mirror: TestMirror, bytes: Buffer = manifest): TestMirror {
  mirror.registry.content.addManifest('library/app', bytes, { mediaType, tag: '1' })
  return mirror
}

describe('a manifest', () => {
  it.each(['GET', 'HEAD'])('by tag and digest is passed on unchanged for %s', async (method) => {
    const mirror = withManifest(await startMirror())
    for (const reference of ['1', digest]) {
      const path = `/v2/library/app/manifests/${reference}`
      const own = await fetch(mirror.registry.url + path, { method })
      const ours = await mirror.ask(path, { method })
      expect(ours.status).toBe(200)
      const expected = Object.fromEntries(own.headers)
      for (const name of ['date', 'connection', 'keep-alive']) {
        delete expected[name]
        delete ours.headers[name]
      }
      expect(ours.headers).toEqual(expected)
      expect(ours.body.equals(method === 'GET' ? manifest : Buffer.alloc(0))).toBe(true)
    }
  })

  it('is asked for on every request, with all the caller says', async () => {
    const mirror = withManifest(await startMirror())
    const headers = {
      accept: ['application/a', 'application/b, application/c'],
      'accept-encoding': 'gzip',
      authorization: 'Bearer t',
      'if-none-match': '"other"',
      'user-agent': 'containerd/2.1',
      connection: 'close, x-private',
      'x-private': 'hop',
      te: 'trailers',
    }
    await mirror.ask('/v2/library/app/manifests/1', { headers })
    await mirror.ask('/v2/library/app/manifests/1', { headers })
    expect(mirror.registry.log.entries).toHaveLength(2)
    const asked = mirror.registry.log.entries[0]?.headers ?? {}
    expect(asked).toMatchObject({
      accept: 'application/a, application/b, application/c',
      'accept-encoding': 'gzip',
      authorization: 'Bearer t',
      'if-none-match': '"other"',
      'user-agent': 'containerd/2.1',
    })
    expect(asked).not.toHaveProperty('x-private')
    expect(asked).not.toHaveProperty('te')
  })

  it('that the caller has is 304', async () => {
    const mirror = withManifest(await startMirror())
    const answer = await mirror.ask('/v2/library/app/manifests/1', {
      headers: { 'if-none-match': `"${digest}"` },
    })
    expect([answer.status, answer.body.length]).toEqual([304, 0])
  })

  it.each(['1', digest])('that is corrupted is never passed on: %s', async (reference) => {
    const mirror = withManifest(await startMirror())
    mirror.registry.faults.set({ match: 'GET', corruptAt: 40 })
    const answer = await mirror.ask(`/v2/library/app/manifests/${reference}`)
    expect(answer.status).toBe(502)
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      errors: [{ code: 'DIGEST_INVALID' }],
    })
  })

  it('that is cut short is 502', async () => {
    const mirror = withManifest(await startMirror())
    mirror.registry.faults.set({ match: 'GET', truncateAt: 40 })
    expect((await mirror.ask('/v2/library/app/manifests/1')).status).toBe(502)
  })

  it('that was sent compressed stays so, and is checked', async () => {
    let sent = gzipSync(manifest)
    const upstream = createServer((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': mediaType }).end(sent)
    })
    const { url } = await listen(upstream, { host: '127.0.0.1', port: 0 })
    onTestFinished(() => void upstream.close())
    const mirror = await startMirror({ upstream: url })
    const path = `/v2/library/app/manifests/${digest}`
    const right = await mirror.ask(path, { headers: { 'accept-encoding': 'gzip' } })
    expect([right.status, right.headers['content-encoding']]).toEqual([200, 'gzip'])
    expect(right.body.equals(sent)).toBe(true)
    mirror.engine.put({ kind: 'blob', digest: sha256(blob) }, blob)
    expect((await mirror.ask(`/v2/library/app/blobs/${sha256(blob)}`)).body.equals(blob)).toBe(true)
    sent = gzipSync(Buffer.from('{"other":1}'))
    expect((await mirror.ask(path)).status).toBe(502)
    sent = Buffer.from('not gzip at all')
    expect((await mirror.ask(path)).status).toBe(502)
  })

  it('over 4 MiB is streamed, and never ends well when it is wrong', async () => {
    const large = Buffer.from(JSON.stringify({ schemaVersion: 2, pad: 'x'.repeat(6_000_000) }))
    const mirror = withManifest(await startMirror(), large)
    const path = `/v2/library/app/manifests/${sha256(large)}`
    const right = await mirror.ask(path)
    expect([right.complete, right.body.equals(large)]).toEqual([true, true])
    mirror.registry.faults.set({ match: 'GET', corruptAt: 5_000_000 })
    const wrong = await mirror.ask(path)
    expect(wrong.complete).toBe(false)
  })

  it.each([
    [400, 400],
    [401, 401],
    [403, 403],
    [404, 404],
    [429, 429],
    [500, 500],
    [503, 503],
  ])('that the registry answers with %i is that', async (status, expected) => {
    const mirror = withManifest(await startMirror())
    const headers = { 'www-authenticate': 'Bearer realm="https://auth.test/t"', 'retry-after': '9' }
    mirror.registry.faults.set({ match: 'manifests', status, headers })
    const answer = await mirror.ask('/v2/library/app/manifests/1')
    expect(answer.status).toBe(expected)
    expect(answer.headers).toMatchObject(headers)
    expect(answer.body.toString()).toContain('injected')
  })

  it('is 504 in time when the registry does not answer', async () => {
    const mirror = withManifest(await startMirror({ headersTimeoutMs: 300 }))
    mirror.registry.faults.set({ match: 'manifests', hang: true })
    const answer = await mirror.ask('/v2/library/app/manifests/1')
    expect(answer.status).toBe(504)
    expect(answer.durationMs).toBeLessThan(1500)
  })

  it('is 502 when the registry is away, and the ping 503', async () => {
    const mirror = withManifest(await startMirror())
    await mirror.registry.stop()
    expect((await mirror.ask('/v2/library/app/manifests/1')).status).toBe(502)
    expect((await mirror.ask('/v2/')).status).toBe(503)
  })
})

describe('other questions', () => {
  it.each([
    '/v2/',
    '/v2/_catalog?n=5',
    '/v2/library/app/tags/list?n=1',
    '/v2/library/app/tags/list?last=a%20b&n=1',
    `/v2/library/app/referrers/${digest}?artifactType=a%2Fb`,
    '/v2/library/none/tags/list',
  ])('%s is passed on as it is', async (path) => {
    const mirror = withManifest(await startMirror())
    mirror.registry.content.addManifest('library/app', Buffer.from('{}'), { mediaType, tag: '2' })
    const own = await fetch(mirror.registry.url + path)
    const ours = await mirror.ask(path)
    expect([ours.status, ours.body.toString()]).toEqual([own.status, await own.text()])
    expect(ours.headers['link']).toBe(own.headers.get('link') ?? undefined)
    expect(mirror.registry.log.entries.at(-1)?.url).toBe(path)
  })

  it.each([
    '/v2/x',
    '/v2/library/app/manifests/',
    '/v2/library/app/manifests/..%2f..',
    '/v2/library/app/blobs/sha256:short',
    `/v2/library/app/blobs/${digest.replace('sha256', 'md5')}`,
    '/v2/library/app/blobs/uploads/',
    '/v2/LIBRARY/app/tags/list',
    '/v2/../healthz',
  ])('%s is not in the API', async (path) => {
    const mirror = await startMirror()
    const answer = await mirror.ask(path)
    expect(answer.status).toBe(404)
    expect(JSON.parse(answer.body.toString())).toHaveProperty('errors')
    expect(mirror.registry.log.entries).toEqual([])
  })

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'])(
    '%s is refused',
    async (method) => {
      const mirror = withManifest(await startMirror())
      for (const path of ['/v2/', '/v2/library/app/manifests/1', '/v2/a/blobs/uploads/']) {
        const body = method === 'TRACE' ? undefined : 'some content'
        const answer = await mirror.ask(path, {
          method,
          headers: { 'content-type': 'application/vnd.any' },
          ...(body === undefined ? {} : { body }),
        })
        expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD'])
        expect(JSON.parse(answer.body.toString())).toMatchObject({
          errors: [{ code: 'UNSUPPORTED' }],
        })
      }
      expect(mirror.registry.log.entries).toEqual([])
    },
  )
})
