import { bytesSource, type FileOriginOptions, signUrl, startFileOrigin } from '@df/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { bytesOf, type MirrorOptions, sha256, startMirror } from '../test-support/mirror.ts'

const content = bytesOf('stored', 300_000)
const digest = sha256(content)
const name = digest.slice('sha256:'.length)
const blobPath = `/docker/registry/v2/blobs/sha256/${name.slice(0, 2)}/${name}/data`
const filePath = '/quay/layer%20one.tar'
const key = 'the-key-of-the-storage'

/** A dfdaemon and the storage of a registry, which has a blob and a file. */
async function setUp(
  storage: FileOriginOptions = {},
  settings?: (storageHost: string) => MirrorOptions,
) {
  const origin = await startFileOrigin(storage)
  onTestFinished(() => origin.stop())
  origin.files.set(blobPath, bytesSource(content)).set(filePath, bytesSource(content))
  const { host } = new URL(origin.url)
  const mirror = await startMirror(
    settings?.(host) ?? {
      allowOrigin: ['127.0.0.1'],
      redirect: { origin: origin.url, allow: [host] },
    },
  )
  mirror.engine.put({ kind: 'blob', digest }, content)
  mirror.engine.put({ kind: 'url', canonicalUrl: origin.url + filePath }, content)
  const by = (url: string) => `/origin/http/${url.slice('http://'.length)}`
  const signed = (path: string, more = {}) => by(signUrl(origin.url + path, { key, ...more }))
  return { origin, mirror, by, signed }
}

describe('a redirect to the storage path of a blob', () => {
  it('is answered from the swarm, the storage only asked whether the caller may', async () => {
    const { origin, mirror } = await setUp()
    const answer = await mirror.ask(blobPath)
    expect([answer.status, answer.complete, answer.body.equals(content)]).toEqual([200, true, true])
    expect(mirror.engine.opened).toMatchObject([
      { identity: { kind: 'blob', digest }, source: { url: origin.url + blobPath } },
    ])
    expect(origin.log.entries.map(({ method }) => method)).toEqual(['HEAD'])
    await mirror.ask(blobPath)
    expect(origin.log.entries).toHaveLength(1)
  })

  it('gives parts and the head as storage does', async () => {
    const { mirror } = await setUp()
    const part = await mirror.ask(blobPath, { headers: { range: 'bytes=100-199' } })
    expect([part.status, part.headers['content-range']]).toEqual([206, 'bytes 100-199/300000'])
    expect(part.body.equals(content.subarray(100, 200))).toBe(true)
    const head = await mirror.ask(blobPath, { method: 'HEAD' })
    expect([head.status, head.headers['content-length']]).toEqual([200, '300000'])
    const beyond = await mirror.ask(blobPath, { headers: { range: 'bytes=300000-' } })
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, 'bytes */300000'])
  })

  it('passes the storage’s own refusal on', async () => {
    const { origin, mirror } = await setUp()
    origin.files.clear()
    expect((await mirror.ask(blobPath)).status).toBe(404)
    expect(mirror.engine.opened).toEqual([])
  })

  it('shows the storage nothing of what the caller shows its registry', async () => {
    const { origin, mirror } = await setUp()
    const secrets = { authorization: 'Bearer secret', cookie: 'a=secret', 'x-token': 'secret' }
    await mirror.ask(blobPath, { headers: { ...secrets, 'user-agent': 'docker/28' } })
    expect(origin.log.entries[0]?.headers['user-agent']).toBe('docker/28')
    expect(JSON.stringify([origin.log.entries, mirror.engine.opened])).not.toContain('secret')
  })

  it('is refused with one clear line where nothing was configured', async () => {
    const { mirror, by, origin } = await setUp({}, () => ({}))
    for (const [path, setting] of [
      [blobPath, '--redirect.origin'],
      [by(origin.url + blobPath), '--redirect.allow 127.0.0.1:'],
    ] as const) {
      const { status, body } = await mirror.ask(path)
      expect(status).toBe(403)
      expect(JSON.parse(String(body)).errors[0].message).toContain(setting)
    }
    expect(origin.log.entries).toEqual([])
  })

  it('to a listed origin on an internal address goes on to the origin by itself, as nobody may send us there', async () => {
    const { mirror, by, origin } = await setUp({}, (host) => ({ redirect: { allow: [host] } }))
    const answer = await mirror.ask(by(origin.url + blobPath))
    expect([answer.status, answer.headers.location]).toEqual([307, origin.url + blobPath])
    expect(mirror.log()).toContain('--allow-origin 127.0.0.1')
    expect(mirror.engine.opened).toEqual([])
    expect(origin.log.entries).toEqual([])
  })
})

describe('a signed redirect', () => {
  it('is served while its signature holds, which the storage decides', async () => {
    const { origin, mirror, signed } = await setUp({ signingKey: key })
    const answer = await mirror.ask(signed(blobPath))
    expect([answer.status, answer.body.equals(content)]).toEqual([200, true])
    const [asked] = origin.log.entries
    expect([asked?.method, asked?.headers.range]).toEqual(['GET', 'bytes=0-0'])
  })

  it('with a wrong signature gets the storage’s words, though the blob is here', async () => {
    const { mirror, signed } = await setUp({ signingKey: key })
    await mirror.ask(signed(blobPath))
    const wrong = await mirror.ask(signed(blobPath, { key: 'another' }))
    expect([wrong.status, wrong.headers['content-type']]).toEqual([403, 'application/xml'])
    expect(String(wrong.body)).toContain('SignatureDoesNotMatch')
    expect((await mirror.ask(signed(blobPath, { method: 'HEAD' }))).status).toBe(403)
  })

  it('is asked for once in a while only, and again once it has expired', async () => {
    const { origin, mirror, signed } = await setUp({ signingKey: key })
    const path = signed(blobPath, { expiresInS: 2 })
    expect((await mirror.ask(path)).status).toBe(200)
    expect((await mirror.ask(path)).status).toBe(200)
    expect(origin.log.entries).toHaveLength(1)
    await new Promise((resolve) => setTimeout(resolve, 2100))
    const expired = await mirror.ask(path)
    expect([expired.status, String(expired.body)]).toEqual([
      403,
      expect.stringContaining('Request has expired'),
    ])
    expect(mirror.engine.opened).toHaveLength(2)
  })

  it('whose end cannot be read is asked for every time', async () => {
    const { origin, mirror, by } = await setUp()
    const path = by(`${origin.url}${blobPath}?ticket=abc`)
    await mirror.ask(path)
    await mirror.ask(path)
    expect(origin.log.entries.map(({ method }) => method)).toEqual(['GET', 'GET'])
  })

  it('whose end the storage’s clock has passed already is asked for every time', async () => {
    const { origin, mirror, signed } = await setUp({ signingKey: key })
    const date = new Date(Date.now() + 3_600_000).toUTCString()
    origin.faults.set({ match: 'GET', headers: { date } })
    await mirror.ask(signed(blobPath))
    await mirror.ask(signed(blobPath))
    expect(origin.log.entries).toHaveLength(2)
  })

  it('names the same task whoever signed it, and nothing in our log or metrics', async () => {
    const { mirror, signed } = await setUp({ signingKey: key })
    await mirror.ask(signed(blobPath))
    await mirror.ask(signed(blobPath, { expiresInS: 77 }))
    await mirror.ask(signed(filePath))
    expect(mirror.engine.opened.map(({ identity }) => identity)).toMatchObject([
      { kind: 'blob', digest },
      { kind: 'blob', digest },
      { kind: 'url', canonicalUrl: expect.not.stringContaining('?') },
    ])
    expect(mirror.engine.opened[0]?.source.filterQuery).toContain('X-Amz-Signature')
    expect(mirror.log() + (await mirror.metrics())).not.toMatch(/X-Amz|Signature=/)
    expect(mirror.log()).toContain(digest)
  })

  it('is good for its method: a HEAD is asked with HEAD', async () => {
    const { origin, mirror, signed } = await setUp({ signingKey: key })
    const head = await mirror.ask(signed(blobPath, { method: 'HEAD' }), { method: 'HEAD' })
    expect([head.status, head.headers['content-length']]).toEqual([200, '300000'])
    expect(origin.log.entries.map(({ method }) => method)).toEqual(['HEAD'])
  })
})

describe('a redirect that goes wrong on the way', () => {
  it('is read from the storage when the swarm does not work', async () => {
    const { mirror, signed } = await setUp({ signingKey: key })
    mirror.engine.behaviour.failAt = 100_000
    const answer = await mirror.ask(signed(blobPath))
    expect([answer.complete, answer.body.equals(content)]).toEqual([true, true])
  })

  it('ends at the storage itself when we have nothing: by 307, with the caller’s own right', async () => {
    const { origin, mirror } = await setUp()
    origin.faults.set({ match: 'blobs', status: 500 })
    const answer = await mirror.ask(`${blobPath}?right=a%2Fb`)
    expect([answer.status, answer.headers.location]).toEqual([
      307,
      `${origin.url}${blobPath}?right=a%2Fb`,
    ])
  })

  it('is never silent for longer than allowed', async () => {
    const { origin, mirror } = await setUp({}, (host) => ({
      silenceMs: 400,
      redirect: { origin: `http://${host}` },
    }))
    origin.faults.set({ match: 'blobs', hang: true })
    const answer = await mirror.ask(blobPath)
    expect(answer.status).toBe(307)
    expect(answer.durationMs).toBeLessThan(1500)
  })

  it('never completes wrong bytes, and leads to the storage then', async () => {
    const { origin, mirror } = await setUp()
    mirror.engine.put({ kind: 'blob', digest }, bytesOf('wrong', 300_000))
    const first = await mirror.ask(blobPath)
    expect(first.complete).toBe(false)
    const second = await mirror.ask(blobPath)
    expect([second.status, second.headers.location]).toEqual([307, origin.url + blobPath])
  })

  it('tells the caller to slow down when the storage says so', async () => {
    const { origin, mirror, signed } = await setUp({ signingKey: key })
    origin.faults.set({ match: 'GET', status: 429, headers: { 'retry-after': '7' } })
    const answer = await mirror.ask(signed(blobPath))
    expect([answer.status, answer.headers['retry-after']]).toEqual([429, '7'])
  })
})

describe('a redirect to a file that no digest names', () => {
  it('is served through the engine, which asks the storage with the caller’s right', async () => {
    const { origin, mirror, signed } = await setUp({ signingKey: key })
    const answer = await mirror.ask(signed(filePath), { headers: { range: 'bytes=5-9' } })
    expect([answer.status, answer.headers['content-range']]).toEqual([206, 'bytes 5-9/300000'])
    expect(answer.body.equals(content.subarray(5, 10))).toBe(true)
    expect(mirror.engine.opened).toMatchObject([
      { confirm: true, source: { url: expect.stringContaining('X-Amz-Signature=') } },
    ])
    expect(origin.log.entries).toEqual([])
    const beyond = await mirror.ask(signed(filePath), { headers: { range: 'bytes=300000-' } })
    expect(beyond.status).toBe(416)
  })

  it('gets the storage’s own answer when the engine has none', async () => {
    const { mirror, signed } = await setUp({ signingKey: key })
    const unknown = await mirror.ask(signed('/quay/other'))
    expect(unknown.status).toBe(404)
    const refused = await mirror.ask(signed('/quay/other', { key: 'wrong' }))
    expect([refused.status, String(refused.body)]).toEqual([
      403,
      expect.stringContaining('SignatureDoesNotMatch'),
    ])
    const head = await mirror.ask(signed(filePath, { method: 'HEAD' }), { method: 'HEAD' })
    expect([head.status, head.headers['content-length']]).toEqual([200, '300000'])
  })

  it('is cut when it cannot be had to its end, so that the caller sees it', async () => {
    const { mirror, signed } = await setUp({ signingKey: key })
    mirror.engine.behaviour.failAt = 100_000
    const answer = await mirror.ask(signed(filePath))
    expect([answer.status, answer.complete]).toEqual([200, false])
  })

  it('shares a task with addresses that differ in parameters said to mean nothing', async () => {
    const { origin, mirror, by } = await setUp({}, (host) => ({
      redirect: { allow: [host], filterQuery: ['ticket'] },
    }))
    await mirror.ask(by(`${origin.url}${filePath}?ticket=a&v=1`))
    expect(mirror.engine.opened).toMatchObject([
      {
        identity: { canonicalUrl: `${origin.url}${filePath}?v=1` },
        source: { filterQuery: ['ticket'] },
      },
    ])
  })
})
