import { type Image, pushImage, sampleImages, startDockerRegistry } from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lab } from '../support/lab.ts'

const repository = 'library/app'
const absent = `sha256:${'0'.repeat(64)}`

let lab: Lab
let registryUrl: string
let mirrorUrl: string
let image: Image
let index: Image

beforeAll(async () => {
  lab = await Lab.open()
  const registry = lab.keep(await startDockerRegistry({ directory: await lab.folder('registry') }))
  const layers = await lab.folder('layers')
  image = await sampleImages.multiLayer(layers)
  index = await sampleImages.attested(layers)
  await pushImage(registry.url, `${repository}:1`, image)
  await pushImage(registry.url, `${repository}:index`, index)
  const supernode = await lab.supernode()
  const dfdaemon = await lab.dfdaemon({ supernodeUrl: supernode.url, upstreamUrl: registry.url })
  registryUrl = registry.url
  mirrorUrl = dfdaemon.url
})

afterAll(() => lab.close())

/** Pull part of the OCI distribution specification 1.1, and what docker-registry 2.8 answers. */
describe('the mirror answers as the registry itself does', () => {
  const layer = () => image.blobs.at(-1)?.digest
  const questions: [what: string, path: () => string, headers?: Record<string, string>][] = [
    ['the version check', () => '/v2/'],
    ['a manifest by tag', () => `/v2/${repository}/manifests/1`],
    ['a manifest by digest', () => `/v2/${repository}/manifests/${image.digest}`],
    ['an index by tag', () => `/v2/${repository}/manifests/index`],
    ['a manifest that is not there, by tag', () => `/v2/${repository}/manifests/none`],
    ['a manifest that is not there, by digest', () => `/v2/${repository}/manifests/${absent}`],
    ['a repository that is not there', () => '/v2/library/none/manifests/1'],
    ['the list of tags', () => `/v2/${repository}/tags/list`],
    ['a page of the list of tags', () => `/v2/${repository}/tags/list?n=1`],
    ['the list of tags of a repository that is not there', () => '/v2/library/none/tags/list'],
    ['a blob', () => `/v2/${repository}/blobs/${layer()}`],
    ['a blob’s beginning', () => `/v2/${repository}/blobs/${layer()}`, { range: 'bytes=0-99' }],
    ['a blob’s rest', () => `/v2/${repository}/blobs/${layer()}`, { range: 'bytes=1000-' }],
    ['a blob’s end', () => `/v2/${repository}/blobs/${layer()}`, { range: 'bytes=-77' }],
    ['a blob that is not there', () => `/v2/${repository}/blobs/${absent}`],
  ]

  it.each(questions)('about %s', async (_what, path, headers = {}) => {
    const accept = `${image.mediaType}, ${index.mediaType}`
    // Ranges are defined for GET alone (RFC 9110 §14.2).
    for (const method of headers['range'] ? ['GET'] : ['GET', 'HEAD']) {
      const [direct, mirrored] = await Promise.all(
        [registryUrl, mirrorUrl].map((base) =>
          answerTo(base + path(), method, { accept, ...headers }),
        ),
      )
      expect(mirrored).toEqual(direct)
    }
  })
})

it('a range outside a blob is 416 with the size (docker-registry 2.8 breaks off there)', async () => {
  const url = `${mirrorUrl}/v2/${repository}/blobs/${image.blobs.at(-1)?.digest}`
  const answer = await fetch(url, { headers: { range: 'bytes=99999999-' } })
  const size = image.blobs.at(-1)?.source.sizeBytes
  expect([answer.status, answer.headers.get('content-range')]).toEqual([416, `bytes */${size}`])
  await answer.body?.cancel()
})

describe('the mirror takes nothing in', () => {
  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    '%s is refused with an OCI error',
    async (method) => {
      for (const path of [
        `/v2/${repository}/blobs/uploads/`,
        `/v2/${repository}/manifests/1`,
        `/v2/${repository}/blobs/${absent}`,
      ]) {
        const answer = await fetch(mirrorUrl + path, { method })
        expect(answer.status).toBe(405)
        expect(await answer.json()).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] })
      }
      const stillThere = await fetch(`${registryUrl}/v2/${repository}/manifests/1`, {
        headers: { accept: image.mediaType },
      })
      expect(stillThere.status).toBe(200)
    },
  )
})

const comparedFields = [
  'content-length',
  'content-range',
  'content-type',
  'docker-content-digest',
  'docker-distribution-api-version',
  'link',
]

async function answerTo(url: string, method: string, headers: Record<string, string>) {
  const answer = await fetch(url, { method, headers })
  const isError = answer.status >= 400
  const body = Buffer.from(await answer.arrayBuffer())
  const fields = comparedFields.map((name) => [name, answer.headers.get(name)])
  return {
    status: answer.status,
    // An error of a blob may be told in the mirror's own words.
    ...(isError ? { code: codeOf(body) } : { ...Object.fromEntries(fields), body }),
  }
}

function codeOf(body: Buffer): string | undefined {
  if (body.length === 0) return undefined
  const { errors } = JSON.parse(body.toString()) as { errors: { code: string }[] }
  return errors[0]?.code
}
