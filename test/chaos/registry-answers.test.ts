import { createHash } from 'node:crypto'
import { type FaultRule, generatedSource, startRegistry, type TestRegistry } from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lab, type TestProgram } from '../support/lab.ts'

const blobBytes = 2_000_000
const half = blobBytes / 2

let lab: Lab
let registry: TestRegistry
let elsewhere: TestRegistry
let dfdaemon: TestProgram
let guarded: TestProgram

beforeAll(async () => {
  lab = await Lab.open()
  registry = lab.keep(await startRegistry())
  elsewhere = lab.keep(await startRegistry())
  const supernode = await lab.supernode()
  const settings = { supernodeUrl: supernode.url, upstreamUrl: registry.url }
  dfdaemon = await lab.dfdaemon({ ...settings, args: ['--allow-origin', '127.0.0.0/8'] })
  const strict = await lab.supernode({ allowOrigin: 'registry.test' })
  guarded = await lab.dfdaemon({ ...settings, supernodeUrl: strict.url })
})

afterAll(() => lab.close())

describe('what the registry answers for a blob', () => {
  const refusals: [answer: string, fault: Omit<FaultRule, 'match'>, status: number][] = [
    [
      '401',
      { status: 401, headers: { 'www-authenticate': 'Bearer realm="https://auth.test/token"' } },
      401,
    ],
    ['403', { status: 403 }, 403],
    ['404', { status: 404 }, 404],
    ['429', { status: 429, headers: { 'retry-after': '7' } }, 429],
  ]

  it.each(refusals)('%s: reaches the caller as it is', async (_answer, fault, status) => {
    const got = await pull(fault)
    expect(got).toMatchObject({ status, bytes: got.bytes })
    for (const [name, value] of Object.entries(fault.headers ?? {}))
      expect(got.headers.get(name)).toBe(value)
    expect(got.ms).toBeLessThan(10_000)
  })

  it.each([500, 502, 503])(
    '%i: is 404 for the caller, who then goes to the registry itself',
    async (status) => {
      const got = await pull({ status })
      expect(got.status).toBe(404)
      expect(got.ms).toBeLessThan(10_000)
    },
  )

  const overcome: [answer: string, fault: Omit<FaultRule, 'match'>][] = [
    ['cut short once', { truncateAt: half, times: 1 }],
    ['cut short, always a bit further', { truncateAt: 700_000 }],
    ['reset once', { reset: true, times: 1 }],
    ['slow', { bps: 600_000 }],
    ['a pause of 2 s', { stallAt: half, stallMs: 2000, times: 1 }],
    ['stalled once', { stallAt: half, times: 1 }],
    ['no ranges', { noRange: true }],
    ['no length', { noLength: true }],
    ['500 once', { status: 500, times: 1 }],
  ]

  it.each(overcome)('%s: the caller gets the blob', async (_answer, fault) => {
    const got = await pull(fault)
    expect(got).toMatchObject({ status: 200, bytes: blobBytes, isWhole: true, isRight: true })
  })

  it('wrong content: never reaches the caller whole', async () => {
    const got = await pull({ corruptAt: half })
    expect(got.isWhole && got.status === 200).toBe(false)
    expect(got.bytes).toBeLessThan(blobBytes)
  })

  it('stalled for good: the connection is cut within 10 s of silence, before or after the first byte', async () => {
    for (const fault of [{ hang: true }, { stallAt: 0 }]) {
      const got = await pull(fault)
      expect(got.status === 404 || !got.isWhole, JSON.stringify(got)).toBe(true)
      expect(got.ms).toBeLessThan(12_000)
    }
  })

  it('a redirect to another host: followed there, without the caller’s credentials', async () => {
    const { path, digest } = await freshBlob()
    const source = generatedSource(path, blobBytes)
    await elsewhere.content.addBlob(path, source)
    registry.faults.set({ match: `GET .*${digest}`, redirect: elsewhere.url })
    elsewhere.log.clear()
    const got = await fetchBlob(dfdaemon, path, digest, { authorization: 'Bearer the-secret' })
    expect(got).toMatchObject({ status: 200, isWhole: true, isRight: true })
    const asked = elsewhere.log.matching(new RegExp(digest))
    expect(asked.length).toBeGreaterThan(0)
    for (const { headers } of asked) expect(headers.authorization).toBeUndefined()
  })

  it('a redirect to an internal address that nobody listed: refused', async () => {
    const { path, digest } = await freshBlob()
    registry.faults.set({ match: `GET .*${digest}`, redirect: 'http://localhost:1' })
    const got = await fetchBlob(guarded, path, digest)
    expect(got.status).toBe(404)
    expect(got.text).toContain('--allow-origin')
    expect(got.ms).toBeLessThan(10_000)
  })

  it('a redirect loop: ended', async () => {
    const got = await pull({ redirect: 'loop' })
    expect(got.status).toBe(404)
    expect(got.ms).toBeLessThan(10_000)
  })
})

interface Got {
  status: number
  headers: Headers
  bytes: number
  /** The answer ended as it said it would. */
  isWhole: boolean
  isRight: boolean
  /** Of short answers. */
  text: string
  ms: number
}

/** A blob that nobody has seen before, pulled from a registry with that fault. */
async function pull(fault: Omit<FaultRule, 'match'>): Promise<Got> {
  const { path, digest } = await freshBlob()
  registry.faults.set({ match: digest, ...fault })
  const got = await fetchBlob(dfdaemon, path, digest)
  registry.faults.clear()
  return got
}

let blobs = 0

async function freshBlob(): Promise<{ path: string; digest: string }> {
  const path = `library/any-${blobs++}`
  const source = generatedSource(path, blobBytes)
  return { path, digest: await registry.content.addBlob(path, source) }
}

async function fetchBlob(
  { url }: TestProgram,
  repository: string,
  digest: string,
  headers: Record<string, string> = {},
): Promise<Got> {
  const startedAt = performance.now()
  const answer = await fetch(`${url}/v2/${repository}/blobs/${digest}`, { headers })
  const hash = createHash('sha256')
  let bytes = 0
  let text = ''
  let isWhole = true
  try {
    for await (const chunk of answer.body ?? []) {
      hash.update(chunk)
      bytes += chunk.byteLength
      if (bytes < 10_000) text += Buffer.from(chunk).toString()
    }
  } catch {
    isWhole = false
  }
  return {
    status: answer.status,
    headers: answer.headers,
    bytes,
    isWhole,
    isRight: `sha256:${hash.digest('hex')}` === digest,
    text,
    ms: performance.now() - startedAt,
  }
}
