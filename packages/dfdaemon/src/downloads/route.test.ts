import { AppError, canonicalUrl, type DownloadRequest, headers } from '@df/proto'
import { describe, expect, it } from 'vitest'
import { bytesOf, sha256, startMirror, type TestMirror } from '../test-support/mirror.ts'

const url = 'https://files.test/a?sig=1&x=2'
const content = bytesOf('download', 200_000)
const identity = { kind: 'url', canonicalUrl: canonicalUrl(url) } as const

async function mirrorWithFile() {
  const mirror = await startMirror()
  const task = mirror.engine.put(identity, content)
  return { mirror, task }
}

function download(
  mirror: TestMirror,
  body: DownloadRequest | object,
  more: Record<string, string> = {},
) {
  return mirror.ask('/api/v1/downloads', {
    method: 'POST',
    headers: { 'content-type': 'application/json', [headers.client]: 'dfget', ...more },
    body: JSON.stringify(body),
  })
}

describe('a download of a local program', () => {
  it('streams the content, says its length and its task', async () => {
    const { mirror, task } = await mirrorWithFile()
    const answer = await download(mirror, { url })
    expect(answer).toMatchObject({
      status: 200,
      complete: true,
      headers: { 'content-length': '200000', [headers.task]: task },
    })
    expect(answer.body.equals(content)).toBe(true)
    expect(mirror.engine.openHandles).toBe(0)
  })

  it('goes on from an offset', async () => {
    const { mirror } = await mirrorWithFile()
    const rest = await download(mirror, { url, offset: 150_000 })
    expect(rest.body.equals(content.subarray(150_000))).toBe(true)
    const nothing = await download(mirror, { url, offset: 200_000 })
    expect([nothing.status, nothing.headers['content-length']]).toEqual([200, '0'])
    const beyond = await download(mirror, { url, offset: 200_001 })
    expect([beyond.status, JSON.parse(beyond.body.toString())]).toMatchObject([
      416,
      { code: 'RANGE_INVALID' },
    ])
  })

  it('is a task of all that tells contents apart, confirmed at the origin', async () => {
    const { mirror } = await mirrorWithFile()
    const digest = sha256(content)
    await download(mirror, {
      url,
      digest,
      tag: 'v1',
      application: 'app',
      filterQuery: ['sig'],
      rateLimitBps: 5000,
      headers: { 'X-Token': 'secret', Range: 'bytes=0-1', Connection: 'close' },
    })
    expect(mirror.engine.opened).toMatchObject([
      {
        identity: {
          kind: 'url',
          canonicalUrl: 'https://files.test/a?x=2',
          digest,
          tag: 'v1',
          application: 'app',
        },
        source: { url, headers: { 'x-token': 'secret' } },
        rateLimitBps: 5000,
        confirm: true,
      },
    ])
    expect(mirror.engine.opened[0]?.source.headers).toEqual({ 'x-token': 'secret' })
    expect(mirror.log()).not.toContain('secret')
  })

  it.each([
    ['no body', {}],
    ['an unknown field', { url, extra: 1 }],
    ['another scheme', { url: 'file:///etc/passwd' }],
    ['a digest that is none', { url, digest: 'sha256:1' }],
    ['a header name that is none', { url, headers: { 'a b': 'c' } }],
    ['a header value with a line break', { url, headers: { a: 'b\r\nc: d' } }],
    ['a negative offset', { url, offset: -1 }],
  ])('with %s is refused', async (_, body) => {
    const { mirror } = await mirrorWithFile()
    const answer = await download(mirror, body)
    expect(answer.status).toBe(400)
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(mirror.engine.opened).toEqual([])
  })

  it("says the origin's refusal with its own status", async () => {
    const { mirror } = await mirrorWithFile()
    for (const code of ['ORIGIN_NOT_FOUND', 'ORIGIN_FORBIDDEN', 'ORIGIN_STALLED'] as const) {
      mirror.engine.behaviour = { openError: new AppError(code, 'it said so', { hint: 'do this' }) }
      const answer = await download(mirror, { url })
      expect(JSON.parse(answer.body.toString())).toMatchObject({
        code,
        status: answer.status,
        detail: 'it said so',
        hint: 'do this',
      })
    }
  })

  it('that fails before its first byte still says why, and later breaks off', async () => {
    const { mirror } = await mirrorWithFile()
    mirror.engine.behaviour = { failAt: 0 }
    const early = await download(mirror, { url })
    expect([early.status, JSON.parse(early.body.toString())]).toMatchObject([
      500,
      { code: 'STORAGE_FAILED' },
    ])
    mirror.engine.behaviour = { failAt: 100_000 }
    const late = await download(mirror, { url })
    expect([late.status, late.complete]).toEqual([200, false])
    expect(late.body.length).toBeLessThanOrEqual(100_000)
    expect(mirror.engine.openHandles).toBe(0)
  })

  it('is for programs of this host, and for no web page', async () => {
    const { mirror } = await mirrorWithFile()
    const page = await download(mirror, { url }, { origin: 'https://evil.test' })
    expect(page.status).toBe(403)
    const body = JSON.stringify({ url })
    const plain = await mirror.ask('/api/v1/downloads', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    expect(plain.status).toBe(403)
    expect(mirror.engine.opened).toEqual([])
  })
})
