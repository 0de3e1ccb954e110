import { bytesSource, startRegistry, type TestRegistry } from '@df/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { bytesOf, type MirrorOptions, sha256, startMirror } from '../test-support/mirror.ts'

const mediaType = 'application/vnd.oci.image.manifest.v1+json'
const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType }))
const content = bytesOf('redirected', 40_000)
const digest = sha256(content)
const blobPath = `/v2/library/app/blobs/${digest}`
const manifestPath = '/v2/library/app/manifests/1'
const headers = { authorization: 'Bearer top-secret', 'user-agent': 'docker/28' }

async function storage(): Promise<TestRegistry> {
  const other = await startRegistry()
  onTestFinished(() => other.stop())
  other.content.addManifest('library/app', manifest, { mediaType, tag: '1' })
  await other.content.addBlob('library/app', bytesSource(content))
  return other
}

async function redirectingMirror(options: MirrorOptions = {}) {
  const other = await storage()
  const mirror = await startMirror({ allowOrigin: ['127.0.0.1'], ...options })
  mirror.engine.put({ kind: 'blob', digest }, content)
  mirror.registry.faults.set({ match: 'manifests|blobs', redirect: other.url })
  return { mirror, other }
}

describe('a redirect', () => {
  it('is followed by us, without credentials to another host', async () => {
    const { mirror, other } = await redirectingMirror()
    const answer = await mirror.ask(manifestPath, { headers })
    expect([answer.status, answer.body.equals(manifest)]).toEqual([200, true])
    expect(mirror.registry.log.entries[0]?.headers).toMatchObject(headers)
    expect(other.log.entries[0]?.headers['user-agent']).toBe('docker/28')
    expect(other.log.entries[0]?.headers).not.toHaveProperty('authorization')
  })

  it('keeps credentials on the same host', async () => {
    const mirror = await startMirror()
    mirror.registry.content.addManifest('library/app', manifest, { mediaType, tag: '1' })
    mirror.registry.faults.set({
      match: 'manifests',
      times: 1,
      status: 307,
      headers: { location: `${manifestPath}?again=1` },
    })
    const answer = await mirror.ask(manifestPath, { headers })
    expect(answer.status).toBe(200)
    expect(mirror.registry.log.entries.map((entry) => entry.headers.authorization)).toEqual([
      'Bearer top-secret',
      'Bearer top-secret',
    ])
  })

  it('confirms a right where the other host has the blob, also when it refuses HEAD', async () => {
    const { mirror, other } = await redirectingMirror()
    other.faults.set({ match: 'HEAD', status: 403 })
    const answer = await mirror.ask(blobPath, { headers })
    expect(answer.body.equals(content)).toBe(true)
    expect(other.log.entries.map(({ method }) => method)).toEqual(['HEAD', 'GET'])
    expect(other.blobBytesSent()).toBeLessThan(100)
  })

  it('confirms nothing where the other host does not have it', async () => {
    const { mirror, other } = await redirectingMirror()
    other.faults.set({ match: 'blobs', status: 403 })
    expect((await mirror.ask(blobPath, { headers })).status).toBe(403)
    expect(mirror.engine.opened).toEqual([])
  })

  it.each([
    ['without end', 'loop'],
    ['to no web address', 'ftp://files.test'],
  ])('%s is an error at once', async (_, redirect) => {
    const mirror = await startMirror()
    mirror.registry.faults.set({ match: '/v2/', redirect })
    expect((await mirror.ask(manifestPath)).status).toBe(502)
    expect((await mirror.ask(blobPath)).status).toBe(404)
    expect(mirror.registry.log.entries.length).toBeLessThan(6)
  })

  it('is followed five times at most', async () => {
    const mirror = await startMirror()
    let hop = 0
    const rules = Array.from({ length: 9 }, () => ({
      match: 'manifests',
      times: 1,
      status: 307,
      headers: { location: `${manifestPath}?hop=${hop++}` },
    }))
    mirror.registry.faults.set(...rules)
    expect((await mirror.ask(manifestPath)).status).toBe(502)
    expect(mirror.registry.log.entries).toHaveLength(6)
  })

  it('to an internal address is refused, with the flag that allows it, unless allowed', async () => {
    const { mirror, other } = await redirectingMirror({ allowOrigin: [] })
    const answer = await mirror.ask(manifestPath)
    expect(answer.status).toBe(502)
    expect(answer.body.toString()).toContain('--allow-origin')
    expect((await mirror.ask(blobPath)).status).toBe(404)
    expect(other.log.entries).toEqual([])
  })
})
