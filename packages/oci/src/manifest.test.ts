import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { indexChildren, manifestDigests } from './manifest.ts'

const none = { blobs: [], manifests: [] }
const digest = (n: number) => `sha256:${n.toString(16).padStart(64, '0')}`
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

test('a manifest names its config, its layers and its subject', () => {
  const body = bytes({
    config: { digest: digest(1) },
    layers: [{ digest: digest(2) }, { digest: digest(3) }, { digest: digest(2) }],
    subject: { digest: digest(4) },
  })
  expect(manifestDigests(body)).toEqual({
    blobs: [digest(1), digest(2), digest(3)],
    manifests: [digest(4)],
  })
})

test('an index names its manifests, and an artifact manifest its blobs', () => {
  expect(manifestDigests(bytes({ manifests: [{ digest: digest(1) }] }))).toEqual({
    blobs: [],
    manifests: [digest(1)],
  })
  expect(manifestDigests(bytes({ blobs: [{ digest: digest(1) }] }))).toEqual({
    blobs: [digest(1)],
    manifests: [],
  })
})

test('content that lies elsewhere is not named, since the registry need not hold it', () => {
  const layers = [
    { digest: digest(1), urls: ['https://elsewhere/'] },
    { digest: digest(2), urls: [] },
  ]
  expect(manifestDigests(bytes({ layers })).blobs).toEqual([digest(2)])
})

test('what is both manifest and index names nothing', () => {
  const manifests = [{ digest: digest(1) }]
  expect(manifestDigests(bytes({ manifests, layers: [{ digest: digest(2) }] }))).toEqual(none)
  expect(manifestDigests(bytes({ manifests, config: { digest: digest(2) } }))).toEqual(none)
})

test('what is over 4 MiB or nested without end costs little and names nothing', () => {
  const layers = [{ digest: digest(1) }]
  expect(manifestDigests(bytes({ layers, pad: 'a'.repeat(4 * 1024 * 1024) }))).toEqual(none)
  expect(manifestDigests(new TextEncoder().encode('['.repeat(4 * 1024 * 1024)))).toEqual(none)
})

test('any bytes and any JSON name only digests', () => {
  const json = fc
    .jsonValue()
    .map((value) => bytes({ layers: value, config: value, subject: value }))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), json), (body) => {
      const { blobs, manifests } = manifestDigests(body)
      for (const named of [...blobs, ...manifests])
        expect(named).toMatch(/^sha(256|512):[0-9a-f]+$/)
      expect(blobs.length).toBeLessThanOrEqual(body.byteLength)
    }),
  )
})

describe('the children of an index', () => {
  const indexOf = (manifests: unknown, more = {}) => bytes({ manifests, ...more })

  test('are named in order, with their platforms, attestations apart', () => {
    const children = indexChildren(
      indexOf([
        { digest: digest(1), platform: { os: 'linux', architecture: 'amd64' } },
        { digest: digest(2), platform: { os: 'linux', architecture: 'arm', variant: 'v7' } },
        { digest: digest(3), platform: { os: 'unknown', architecture: 'unknown' } },
        {
          digest: digest(4),
          annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
        },
        { digest: digest(5) },
        { digest: 'no digest' },
        null,
      ]),
    )
    expect(children).toEqual([
      { digest: digest(1), platform: 'linux/amd64', isAttestation: false },
      { digest: digest(2), platform: 'linux/arm/v7', isAttestation: false },
      { digest: digest(3), platform: undefined, isAttestation: true },
      { digest: digest(4), platform: undefined, isAttestation: true },
      { digest: digest(5), platform: undefined, isAttestation: false },
    ])
  })

  test('are those of an index only', () => {
    expect(indexChildren(indexOf(undefined))).toBeUndefined()
    expect(indexChildren(indexOf([], { layers: [] }))).toBeUndefined()
    expect(indexChildren(new TextEncoder().encode('[]'))).toBeUndefined()
  })
})
