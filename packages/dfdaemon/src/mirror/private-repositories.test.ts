import { bytesSource } from '@df/testkit'
import { describe, expect, it } from 'vitest'
import { basic, bytesOf, type MirrorOptions, sha256, startMirror } from '../test-support/mirror.ts'

const content = bytesOf('private', 50_000)
const digest = sha256(content)
const path = `/v2/team/secret/blobs/${digest}`
const alice = basic('alice', 'wonderland-1')
const bob = basic('bob', 'builder-2')

const auth = {
  scheme: 'basic',
  users: { alice: 'wonderland-1', bob: 'builder-2' },
  rights: { bob: '^library/' },
  anonymous: '^library/',
} as const

async function privateMirror(options: MirrorOptions = {}) {
  const mirror = await startMirror({ registry: { auth }, ...options })
  await mirror.addBlob('team/secret', content)
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/x', digest, size: content.length },
      layers: [],
    }),
  )
  mirror.registry.content.addManifest('team/secret', manifest, {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    tag: '1',
  })
  return mirror
}

describe('a private repository', () => {
  it("is refused with the registry's own answer to who has no right, though the blob is here", async () => {
    const mirror = await privateMirror()
    const withRight = await mirror.ask(path, { headers: { authorization: alice } })
    expect(withRight.body.equals(content)).toBe(true)

    for (const authorization of [bob, basic('bob', 'wrong'), undefined]) {
      const headers = authorization === undefined ? {} : { authorization }
      const [own, ours] = await Promise.all([
        fetch(mirror.registry.url + path, { headers }),
        mirror.ask(path, { headers }),
      ])
      expect(ours.status).toBe(own.status)
      expect([401, 403]).toContain(ours.status)
      expect(ours.headers['www-authenticate']).toBe(
        own.headers.get('www-authenticate') ?? undefined,
      )
      expect(ours.body.toString()).toBe(await own.text())
      const head = await mirror.ask(path, { method: 'HEAD', headers })
      expect([head.status, head.body.length]).toEqual([own.status, 0])
    }
    expect(mirror.engine.opened).toHaveLength(1)
  })

  it('is asked about only once while the right is young, and again when it is not', async () => {
    const clock = { ms: 0 }
    const mirror = await privateMirror({ now: () => clock.ms })
    const headers = { authorization: alice }
    await mirror.ask(path, { headers })
    await mirror.ask(path, { headers })
    expect(mirror.registry.log.matching(/HEAD/)).toHaveLength(1)
    clock.ms += 60_001
    mirror.registry.faults.set({ match: 'blobs', status: 403 })
    const late = await mirror.ask(path, { headers })
    expect(late.status).toBe(403)
    expect(mirror.engine.opened).toHaveLength(2)
  })

  it('gives what its manifest names without asking again, to the same caller only', async () => {
    const mirror = await privateMirror()
    const manifest = await mirror.ask('/v2/team/secret/manifests/1', {
      headers: { authorization: alice },
    })
    expect(manifest.status).toBe(200)
    mirror.registry.log.clear()
    const blob = await mirror.ask(path, { headers: { authorization: alice } })
    expect([blob.status, mirror.registry.log.entries.length]).toEqual([200, 0])
    const other = await mirror.ask(path, { headers: { authorization: bob } })
    expect(other.status).toBe(403)
    const elsewhere = await mirror.ask(`/v2/team/other/blobs/${digest}`, {
      headers: { authorization: alice },
    })
    expect(elsewhere.status).toBe(404)
  })

  it('does not lend its blobs to a public repository', async () => {
    const mirror = await privateMirror()
    await mirror.ask(path, { headers: { authorization: alice } })
    const answer = await mirror.ask(`/v2/library/app/blobs/${digest}`)
    expect(answer.status).toBe(404)
  })

  it('is refused when the registry cannot be asked: 404, so that engines go there themselves', async () => {
    const mirror = await privateMirror()
    await mirror.ask(path, { headers: { authorization: alice } })
    await mirror.registry.stop()
    const other = await mirror.ask(path, { headers: { authorization: bob } })
    expect(other.status).toBe(404)
    const confirmed = await mirror.ask(path, { headers: { authorization: alice } })
    expect(confirmed.body.equals(content)).toBe(true)
  })

  it('leaves no credential in log, metrics or error', async () => {
    const mirror = await privateMirror()
    for (const authorization of [alice, bob]) {
      for (const method of ['GET', 'HEAD', 'PUT']) {
        for (const target of [path, '/v2/', '/v2/team/secret/manifests/1', '/v2/%zz']) {
          await mirror.ask(target, { method, headers: { authorization } })
        }
      }
    }
    mirror.registry.faults.set({ match: 'blobs', reset: true })
    await mirror.ask(`${path}?token=query-secret`, { headers: { authorization: bob } })
    const said = mirror.log() + (await mirror.metrics())
    expect(said).toContain('pull answered')
    for (const secret of [alice, bob, 'wonderland-1', 'builder-2', 'query-secret']) {
      expect(said).not.toContain(secret)
      expect(said).not.toContain(secret.replace('Basic ', ''))
    }
  })
})

describe('the question about a right', () => {
  it.each([
    ['refuses HEAD', { match: 'HEAD', status: 405 }],
    ['fails on HEAD', { match: 'HEAD', status: 500 }],
  ])('is put as a GET of one byte to a registry that %s', async (_, fault) => {
    const mirror = await startMirror()
    await mirror.addBlob('library/app', content)
    mirror.registry.faults.set(fault)
    const target = `/v2/library/app/blobs/${digest}`
    const answer = await mirror.ask(target)
    expect(answer.body.equals(content)).toBe(true)
    expect(mirror.registry.blobBytesSent()).toBeLessThan(100)
    const head = await mirror.ask(target, { method: 'HEAD' })
    expect(head.headers['content-length']).toBe('50000')
  })

  it.each([401, 403, 404])('passes %i on, with its headers and words', async (status) => {
    const mirror = await startMirror()
    await mirror.addBlob('library/app', content)
    const headers = { 'www-authenticate': 'Bearer realm="https://auth.test/"', 'x-any': '3' }
    mirror.registry.faults.set({ match: 'blobs', status, headers })
    const target = `/v2/library/app/blobs/${digest}`
    const answer = await mirror.ask(target)
    expect(answer).toMatchObject({ status, headers })
    expect(answer.body.toString()).toContain('injected')
    const head = await mirror.ask(target, { method: 'HEAD' })
    expect(head).toMatchObject({ status, headers })
  })

  it.each(['GET', 'HEAD'])('passes 429 on, and is not put again: %s', async (method) => {
    const mirror = await startMirror()
    await mirror.addBlob('library/app', content)
    const headers = { 'retry-after': '3' }
    mirror.registry.faults.set({ match: 'blobs', status: 429, headers })
    const answer = await mirror.ask(`/v2/library/app/blobs/${digest}`, { method })
    expect(answer).toMatchObject({ status: 429, headers })
    expect(mirror.registry.log.entries).toHaveLength(1)
  })

  it('is 404 in time when the registry does not answer it', async () => {
    const mirror = await startMirror({ headersTimeoutMs: 300 })
    await mirror.addBlob('library/app', content)
    mirror.registry.faults.set({ match: 'blobs', hang: true })
    const answer = await mirror.ask(`/v2/library/app/blobs/${digest}`)
    expect(answer.status).toBe(404)
    expect(answer.durationMs).toBeLessThan(1500)
    expect(mirror.engine.opened).toEqual([])
  })

  it('may be a blob of nothing', async () => {
    const mirror = await startMirror()
    const empty = await mirror.registry.content.addBlob('library/app', bytesSource(''))
    mirror.engine.put({ kind: 'blob', digest: empty }, Buffer.alloc(0))
    mirror.registry.faults.set({ match: 'HEAD', status: 405 })
    const answer = await mirror.ask(`/v2/library/app/blobs/${empty}`)
    expect([answer.status, answer.headers['content-length']]).toEqual([200, '0'])
  })
})
