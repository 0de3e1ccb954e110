import { mediaTypes } from '@df/oci'
import { bytesSource, type Image, makeArtifact, makeIndex } from '@df/testkit'
import { describe, expect, it } from 'vitest'
import { bytesOf, sha256, startMirror, type TestMirror } from '../test-support/mirror.ts'

/**
 * The pull part of the OCI distribution spec v1.1, put to the registry and to the mirror in front of it: what the
 * registry passes, the mirror passes. Quotations are the spec's.
 */
const repository = 'library/conformance'
const blob = bytesOf('conformance', 4321)
const blobDigest = sha256(blob)
const missing = sha256(Buffer.from('nowhere'))

interface Conformance {
  mirror: TestMirror
  image: Image
  index: Image
  referrer: Image
  ask: TestMirror['ask']
}

async function filled(side: 'registry' | 'mirror'): Promise<Conformance> {
  const mirror = await startMirror()
  const { content } = mirror.registry
  const artifact = { artifactType: 'application/vnd.test', contents: [bytesSource(blob)] }
  const image = await makeArtifact(artifact)
  const index = makeIndex([{ image, architecture: 'amd64' }])
  const referrer = await makeArtifact({ ...artifact, contents: [], subject: image })
  for (const [tag, each] of Object.entries({ one: image, two: index, three: referrer })) {
    content.addImage(`${repository}:${tag}`, each)
  }
  mirror.engine.put({ kind: 'blob', digest: blobDigest }, blob)
  const base = side === 'mirror' ? mirror.url : mirror.registry.url
  return { mirror, image, index, referrer, ask: (path, more) => mirror.askAt(base, path, more) }
}

const manifests = `/v2/${repository}/manifests`
const blobs = `/v2/${repository}/blobs`

describe.each(['registry', 'mirror'] as const)('the %s', (side) => {
  it('"This endpoint MAY be used … to determine support": GET /v2/ is 200', async () => {
    const { ask } = await filled(side)
    expect((await ask('/v2/')).status).toBe(200)
  })

  it('"A GET request to an existing manifest URL MUST provide the expected manifest, with a response code that MUST be 200 OK"', async () => {
    const { ask, image, index } = await filled(side)
    for (const [reference, expected] of [
      ['one', image],
      [image.digest, image],
      ['two', index],
      [index.digest, index],
    ] as const) {
      const answer = await ask(`${manifests}/${reference}`, {
        headers: { accept: [mediaTypes.ociManifest, mediaTypes.ociIndex] },
      })
      expect(answer.status).toBe(200)
      expect(answer.body.equals(expected.manifest)).toBe(true)
      expect(answer.headers['content-type']).toBe(expected.mediaType)
      expect(answer.headers['docker-content-digest']).toBe(expected.digest)
    }
  })

  it('"If the manifest is not found in the repository, the response code MUST be 404 Not Found"', async () => {
    const { ask } = await filled(side)
    for (const reference of ['none', missing]) {
      for (const method of ['GET', 'HEAD']) {
        expect((await ask(`${manifests}/${reference}`, { method })).status).toBe(404)
      }
    }
  })

  it('"A GET request to an existing blob URL MUST provide the expected blob, with a response code that MUST be 200 OK"', async () => {
    const { ask } = await filled(side)
    const answer = await ask(`${blobs}/${blobDigest}`)
    expect(answer.status).toBe(200)
    expect(answer.body.equals(blob)).toBe(true)
    expect(answer.headers['docker-content-digest']).toBe(blobDigest)
  })

  it('"If the blob is not found in the repository, the response code MUST be 404 Not Found"', async () => {
    const { ask } = await filled(side)
    for (const method of ['GET', 'HEAD']) {
      expect((await ask(`${blobs}/${missing}`, { method })).status).toBe(404)
      const elsewhere = await ask(`/v2/library/other/blobs/${blobDigest}`, { method })
      expect(elsewhere.status).toBe(404)
    }
  })

  it('"A registry SHOULD support the Range request header in accordance with RFC 9110"', async () => {
    const { ask } = await filled(side)
    const answer = await ask(`${blobs}/${blobDigest}`, { headers: { range: 'bytes=4000-' } })
    expect([answer.status, answer.headers['content-range']]).toEqual([206, 'bytes 4000-4320/4321'])
    expect(answer.body.equals(blob.subarray(4000))).toBe(true)
  })

  it('"A HEAD request to an existing blob or manifest URL MUST return 200 OK" and "SHOULD contain the Content-Length"', async () => {
    const { ask, image } = await filled(side)
    const manifest = await ask(`${manifests}/one`, { method: 'HEAD' })
    expect([manifest.status, manifest.headers['content-length'], manifest.body.length]).toEqual([
      200,
      String(image.manifest.byteLength),
      0,
    ])
    const head = await ask(`${blobs}/${blobDigest}`, { method: 'HEAD' })
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([
      200,
      '4321',
      0,
    ])
  })

  it('"To fetch the list of tags … the response MUST be a list of tags in lexical order", with n and last', async () => {
    const { ask } = await filled(side)
    const tags = async (query: string) => {
      const answer = await ask(`/v2/${repository}/tags/list${query}`)
      return [answer.status, JSON.parse(answer.body.toString()).tags]
    }
    expect(await tags('')).toEqual([200, ['one', 'three', 'two']])
    expect(await tags('?n=2')).toEqual([200, ['one', 'three']])
    expect(await tags('?n=0')).toEqual([200, []])
    expect(await tags('?n=2&last=one')).toEqual([200, ['three', 'two']])
  })

  it('"a Link header MUST be included" when there are more tags, and leads on', async () => {
    const { ask } = await filled(side)
    const first = await ask(`/v2/${repository}/tags/list?n=2`)
    const next = /^<([^>]+)>; rel="next"$/.exec(String(first.headers['link']))?.[1] ?? ''
    const second = await ask(next)
    expect(JSON.parse(second.body.toString()).tags).toEqual(['two'])
  })

  it('"the response MUST be 200 OK" for referrers, an image index, also without any, and filtered', async () => {
    const { ask, image, referrer } = await filled(side)
    const referrers = async (digest: string, query = '') => {
      const answer = await ask(`/v2/${repository}/referrers/${digest}${query}`)
      const { manifests: found } = JSON.parse(answer.body.toString())
      const type = answer.headers['content-type']
      const filters = answer.headers['oci-filters-applied']
      return [answer.status, type, found.map((each: { digest: string }) => each.digest), filters]
    }
    const type = mediaTypes.ociIndex
    const of = [referrer.digest]
    expect(await referrers(image.digest)).toEqual([200, type, of, undefined])
    expect(await referrers(missing)).toEqual([200, type, [], undefined])
    const filter = 'artifactType'
    expect(await referrers(image.digest, `?${filter}=application%2Fvnd.test`)).toEqual([
      200,
      type,
      of,
      filter,
    ])
    expect(await referrers(image.digest, `?${filter}=other`)).toEqual([200, type, [], filter])
  })

  it('"A 4XX response code from the registry MAY return a body" of errors with a code from the list', async () => {
    const { ask } = await filled(side)
    for (const path of [`${manifests}/none`, `${blobs}/${missing}`]) {
      const answer = await ask(path)
      const { errors } = JSON.parse(answer.body.toString())
      expect(errors).toEqual([
        expect.objectContaining({ code: expect.stringMatching(/_UNKNOWN$/) }),
      ])
      expect(answer.headers['content-type']).toContain('application/json')
    }
  })
})
