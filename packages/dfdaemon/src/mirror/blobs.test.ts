import { get, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '@df/proto'
import { bytesSource } from '@df/testkit'
import { describe, expect, it } from 'vitest'
import { bytesOf, type MirrorOptions, sha256, startMirror } from '../test-support/mirror.ts'

const content = bytesOf('blob', 300_000)
const digest = sha256(content)
const path = `/v2/library/app/blobs/${digest}`

async function mirrorWithBlob(options: MirrorOptions = {}) {
  const mirror = await startMirror(options)
  await mirror.addBlob('library/app', content)
  return mirror
}

describe('a blob', () => {
  it('comes from the engine, complete and described, after the registry confirmed the right', async () => {
    const mirror = await mirrorWithBlob()
    const answer = await mirror.ask(path, { headers: { 'accept-encoding': 'gzip, zstd' } })
    expect(answer).toMatchObject({
      status: 200,
      complete: true,
      headers: {
        'content-length': '300000',
        'content-type': 'application/octet-stream',
        'docker-content-digest': digest,
        'docker-distribution-api-version': 'registry/2.0',
        'accept-ranges': 'bytes',
        etag: `"${digest}"`,
      },
    })
    expect(answer.headers['content-encoding']).toBeUndefined()
    expect(answer.body.equals(content)).toBe(true)
    expect(mirror.registry.log.entries.map(({ method }) => method)).toEqual(['HEAD'])
    expect(mirror.engine.openHandles).toBe(0)
  })

  it('is asked of the engine with the credentials and name of the caller, and nothing else', async () => {
    const mirror = await mirrorWithBlob()
    const headers = {
      authorization: 'Bearer abc',
      'user-agent': 'docker/28',
      accept: 'application/json',
      'x-other': '1',
    }
    await mirror.ask(`${path}?token=x`, { headers })
    expect(mirror.engine.opened).toMatchObject([
      {
        identity: { kind: 'blob', digest },
        source: {
          url: `${mirror.registry.url}${path}`,
          headers: { authorization: 'Bearer abc', 'user-agent': 'docker/28' },
        },
      },
    ])
    expect(Object.keys(mirror.engine.opened[0]?.source.headers ?? {})).toHaveLength(2)
  })

  it.each([
    ['bytes=0-0', 206, 'bytes 0-0/300000', [0, 1]],
    ['bytes=100-199', 206, 'bytes 100-199/300000', [100, 200]],
    ['bytes=299999-', 206, 'bytes 299999-299999/300000', [299_999, 300_000]],
    ['bytes=-500', 206, 'bytes 299500-299999/300000', [299_500, 300_000]],
    ['bytes=250000-999999999', 206, 'bytes 250000-299999/300000', [250_000, 300_000]],
    ['bytes=0-', 206, 'bytes 0-299999/300000', [0, 300_000]],
    ['bytes=300000-', 416, 'bytes */300000', undefined],
    ['bytes=-0', 416, 'bytes */300000', undefined],
    ['bytes=0-1,5-6', 200, undefined, [0, 300_000]],
    ['bytes=9-1', 200, undefined, [0, 300_000]],
    ['lines=0-1', 200, undefined, [0, 300_000]],
  ] as const)('with Range %s is answered %i', async (range, status, contentRange, part) => {
    const mirror = await mirrorWithBlob()
    const answer = await mirror.ask(path, { headers: { range } })
    expect([answer.status, answer.headers['content-range']]).toEqual([status, contentRange])
    if (part === undefined) return
    expect(answer.headers['content-length']).toBe(String(part[1] - part[0]))
    expect(answer.body.equals(content.subarray(...part))).toBe(true)
  })

  it('honours Range only when If-Range names this content', async () => {
    const mirror = await mirrorWithBlob()
    const range = 'bytes=10-19'
    const same = await mirror.ask(path, { headers: { range, 'if-range': `"${digest}"` } })
    const other = await mirror.ask(path, { headers: { range, 'if-range': '"other"' } })
    expect([same.status, other.status]).toEqual([206, 200])
  })

  it('is not sent again to who has it', async () => {
    const mirror = await mirrorWithBlob()
    const answer = await mirror.ask(path, { headers: { 'if-none-match': `"x", W/"${digest}"` } })
    expect([answer.status, answer.body.length]).toEqual([304, 0])
    expect(mirror.engine.opened).toEqual([])
  })

  it('without content is answered with its digest and no byte', async () => {
    const mirror = await startMirror()
    const empty = await mirror.addBlob('library/app', Buffer.alloc(0))
    const answer = await mirror.ask(`/v2/library/app/blobs/${empty}`)
    expect([answer.status, answer.headers['content-length'], answer.complete]).toEqual([
      200,
      '0',
      true,
    ])
  })

  it('has a complete HEAD, from the registry while it is not here', async () => {
    const mirror = await mirrorWithBlob()
    const head = await mirror.ask(path, { method: 'HEAD' })
    expect(head).toMatchObject({
      status: 200,
      headers: {
        'content-length': '300000',
        'content-type': 'application/octet-stream',
        'docker-content-digest': digest,
      },
    })
    expect(mirror.engine.opened).toEqual([])
    await mirror.ask(path)
    mirror.registry.log.clear()
    const again = await mirror.ask(path, { method: 'HEAD' })
    expect(again.headers['content-length']).toBe('300000')
    expect(mirror.registry.log.entries).toEqual([])
  })

  it('arrives while it is read, at the pace of the caller', async () => {
    const mirror = await startMirror()
    const large = Buffer.alloc(40_000_000, 'large')
    const largeDigest = await mirror.addBlob('library/app', large)
    const response = await new Promise<IncomingMessage>((resolve) => {
      get(`${mirror.url}/v2/library/app/blobs/${largeDigest}`, { agent: false }, resolve)
    })
    response.pause()
    await sleep(300)
    expect(mirror.engine.readBytes).toBeGreaterThan(0)
    expect(mirror.engine.readBytes).toBeLessThan(20_000_000)
    let received = 0
    for await (const chunk of response) received += (chunk as Buffer).length
    expect(received).toBe(40_000_000)
  })

  it('is not read on when the caller left', async () => {
    const mirror = await startMirror()
    const large = Buffer.alloc(40_000_000, 'large')
    const largeDigest = await mirror.addBlob('library/app', large)
    await mirror.ask(`/v2/library/app/blobs/${largeDigest}`, { leaveAfter: 100_000 })
    await sleep(100)
    expect(mirror.engine.openHandles).toBe(0)
    expect(mirror.engine.readBytes).toBeLessThan(large.length)
    expect(mirror.log()).toContain('"outcome":"left"')
  })
})

describe('a blob that the engine cannot give', () => {
  it('is read from the registry when it does not even begin', async () => {
    const mirror = await mirrorWithBlob()
    mirror.engine.behaviour = { openError: new AppError('DISK_FULL', 'no room') }
    const answer = await mirror.ask(path)
    expect([answer.status, answer.complete]).toEqual([200, true])
    expect(answer.body.equals(content)).toBe(true)
    expect(mirror.registry.log.entries.map(({ method }) => method)).toEqual(['HEAD', 'GET'])
  })

  it.each(['bytes=1000-1999', 'bytes=-5', 'bytes=0-'])(
    'is read from the registry by Range %s',
    async (range) => {
      const mirror = await mirrorWithBlob()
      mirror.engine.behaviour = { openError: new AppError('DISK_FULL', 'no room') }
      const direct = await mirror.ask(path, { headers: { range } })
      mirror.engine.behaviour = {}
      const usual = await mirror.ask(path, { headers: { range } })
      expect(direct.status).toBe(206)
      expect(direct.headers).toEqual({ ...usual.headers, date: direct.headers.date })
      expect(direct.body.equals(usual.body)).toBe(true)
    },
  )

  it('is read whole from the registry for several ranges', async () => {
    const mirror = await mirrorWithBlob()
    mirror.engine.behaviour = { openError: new AppError('DISK_FULL', 'no room') }
    const answer = await mirror.ask(path, { headers: { range: 'bytes=0-1,5-6' } })
    expect([answer.status, answer.body.equals(content)]).toEqual([200, true])
    expect(mirror.registry.log.entries.at(-1)?.headers).not.toHaveProperty('range')
  })

  it('is cut to the range by us when the registry knows no Range', async () => {
    const mirror = await mirrorWithBlob()
    mirror.engine.behaviour = { openError: new AppError('DISK_FULL', 'no room') }
    mirror.registry.faults.set({ match: 'GET .*blobs', noRange: true })
    const answer = await mirror.ask(path, { headers: { range: 'bytes=100000-199999' } })
    expect([answer.status, answer.headers['content-range']]).toEqual([
      206,
      'bytes 100000-199999/300000',
    ])
    expect(answer.body.equals(content.subarray(100_000, 200_000))).toBe(true)
  })

  it('is sent with open length when the registry does not tell it', async () => {
    const mirror = await mirrorWithBlob()
    mirror.engine.behaviour = { openError: new AppError('DISK_FULL', 'no room') }
    mirror.registry.faults.set({ match: 'GET .*blobs', noLength: true })
    const answer = await mirror.ask(path)
    expect([answer.status, answer.complete, answer.body.equals(content)]).toEqual([200, true, true])
  })

  it.each([0, 1, 65_536, 299_999])(
    'goes on from the registry when the engine fails after %i bytes',
    async (failAt) => {
      const mirror = await mirrorWithBlob()
      mirror.engine.behaviour = { failAt }
      const answer = await mirror.ask(path)
      expect([answer.status, answer.complete, answer.body.equals(content)]).toEqual([
        200,
        true,
        true,
      ])
      const [, rest] = mirror.registry.log.entries
      expect(rest?.headers['range']).toBe(`bytes=${failAt}-299999`)
    },
  )

  it('goes on from a registry that knows no Range', async () => {
    const mirror = await mirrorWithBlob()
    mirror.engine.behaviour = { failAt: 100_000 }
    mirror.registry.faults.set({ match: 'GET .*blobs', noRange: true })
    const answer = await mirror.ask(path)
    expect([answer.complete, answer.body.equals(content)]).toEqual([true, true])
  })

  it('breaks off when the registry fails too, and the caller resumes', async () => {
    const mirror = await mirrorWithBlob()
    mirror.engine.behaviour = { failAt: 100_000 }
    mirror.registry.faults.set({ match: 'GET .*blobs', status: 503, times: 1 })
    const answer = await mirror.ask(path)
    expect([answer.status, answer.complete]).toEqual([200, false])
    mirror.engine.behaviour = {}
    const range = `bytes=${answer.body.length}-`
    const rest = await mirror.ask(path, { headers: { range } })
    expect(Buffer.concat([answer.body, rest.body]).equals(content)).toBe(true)
  })

  it('is 404 at once when the registry fails too, so that every engine goes there itself', async () => {
    const mirror = await mirrorWithBlob()
    mirror.engine.behaviour = { openError: new AppError('BLOB_UNAVAILABLE', 'nothing came') }
    mirror.registry.faults.set({ match: 'GET .*blobs', status: 500 })
    const answer = await mirror.ask(path)
    expect(answer.status).toBe(404)
    expect(JSON.parse(answer.body.toString())).toMatchObject({ errors: [{ code: 'BLOB_UNKNOWN' }] })
  })

  it("passes the registry's limit on without asking it again", async () => {
    const mirror = await mirrorWithBlob()
    const detail = { status: 429, retryAfter: '7' }
    mirror.engine.behaviour = {
      openError: new AppError('ORIGIN_RATE_LIMITED', 'slower', { detail }),
    }
    const answer = await mirror.ask(path)
    expect([answer.status, answer.headers['retry-after']]).toEqual([429, '7'])
    expect(mirror.registry.log.entries).toHaveLength(1)
  })

  it("asks for the caller itself when the engine's credentials were refused", async () => {
    const mirror = await mirrorWithBlob()
    const detail = { status: 401, wwwAuthenticate: 'Bearer realm="of another caller"' }
    mirror.engine.behaviour = { openError: new AppError('ORIGIN_UNAUTHORIZED', 'no', { detail }) }
    const answer = await mirror.ask(path)
    expect([answer.status, answer.body.equals(content)]).toEqual([200, true])
  })
})

describe('a blob that stands still', () => {
  it('is asked for once more when the registry breaks the connection before it answers', async () => {
    const mirror = await mirrorWithBlob()
    mirror.registry.faults.set({ match: 'HEAD .*blobs', reset: true, times: 1 })
    expect(await mirror.ask(path)).toMatchObject({ status: 200, complete: true })
    expect(mirror.registry.log.entries.map(({ method }) => method)).toEqual(['HEAD', 'HEAD'])
  })

  it('is 404 when the engine does not open it in time', async () => {
    const mirror = await mirrorWithBlob({ silenceMs: 400 })
    mirror.engine.behaviour = { openHangs: true }
    const answer = await mirror.ask(path)
    expect(answer.status).toBe(404)
    expect(answer.durationMs).toBeLessThan(1000)
  })

  it('is broken off when nothing comes any more', async () => {
    const mirror = await mirrorWithBlob({ silenceMs: 400 })
    mirror.engine.behaviour = { hangAt: 100_000 }
    const answer = await mirror.ask(path)
    expect([answer.complete, answer.body.length]).toEqual([false, 100_000])
    expect(answer.durationMs).toBeLessThan(1000)
  })

  it('is broken off when the registry, asked for the rest, goes silent', async () => {
    const mirror = await mirrorWithBlob({ silenceMs: 2000, bodySilenceMs: 300 })
    mirror.engine.behaviour = { failAt: 100_000 }
    mirror.registry.faults.set({ match: 'GET .*blobs', stallAt: 50_000 })
    const answer = await mirror.ask(path)
    expect([answer.complete, answer.body.length]).toEqual([false, 150_000])
    expect(answer.durationMs).toBeLessThan(2000)
  })

  it('may be slow, as long as something comes', async () => {
    const mirror = await mirrorWithBlob({ silenceMs: 1000 })
    mirror.engine.behaviour = { openError: new AppError('DISK_FULL', 'no room') }
    mirror.registry.faults.set({ match: 'GET .*blobs', bps: 150_000 })
    const answer = await mirror.ask(path)
    expect([answer.complete, answer.body.equals(content)]).toEqual([true, true])
    expect(answer.durationMs).toBeGreaterThan(1500)
  })
})

describe('wrong content', () => {
  it('of the engine never ends well, and is forgotten', async () => {
    const mirror = await mirrorWithBlob()
    const wrong = Buffer.from(content)
    wrong[150_000] = 255 - (wrong[150_000] ?? 0)
    const task = mirror.engine.put({ kind: 'blob', digest }, wrong)
    const answer = await mirror.ask(path)
    expect(answer.complete).toBe(false)
    expect(answer.body.length).toBeLessThan(content.length)
    expect(mirror.engine.forgotten).toEqual([task])
  })

  it('sends engines that try again to the registry itself for a while', async () => {
    const mirror = await startMirror()
    await mirror.registry.content.addBlob('library/app', bytesSource(content))
    mirror.registry.faults.set({ match: 'GET .*blobs', corruptAt: 1000, times: 1 })
    const { complete, body } = await mirror.ask(path)
    expect(complete).toBe(false)
    const resumed = await mirror.ask(path, { headers: { range: `bytes=${body.length}-` } })
    expect(resumed.status).toBe(404)
    expect((await mirror.ask(path)).status).toBe(404)
  })

  it('is not resumed even when the right one is here by now', async () => {
    const mirror = await mirrorWithBlob()
    mirror.engine.put({ kind: 'blob', digest }, bytesOf('other', content.length))
    const { complete, body } = await mirror.ask(path)
    expect(complete).toBe(false)
    mirror.engine.put({ kind: 'blob', digest }, content)
    await (await mirror.engine.open({ identity: { kind: 'blob', digest }, source: { url: path } }))
      .finished
    const resumed = await mirror.ask(path, { headers: { range: `bytes=${body.length}-` } })
    expect(resumed.status).toBe(404)
    const whole = await mirror.ask(path)
    expect([whole.status, whole.body.equals(content)]).toEqual([200, true])
  })

  it('that is small is not seen at all: the registry gives the right one', async () => {
    const mirror = await startMirror()
    const small = bytesOf('small', 5000)
    const smallDigest = await mirror.addBlob('library/app', small)
    const task = mirror.engine.put({ kind: 'blob', digest: smallDigest }, bytesOf('other', 5000))
    const answer = await mirror.ask(`/v2/library/app/blobs/${smallDigest}`)
    expect([answer.status, answer.body.equals(small)]).toEqual([200, true])
    expect(mirror.engine.forgotten).toEqual([task])
  })

  it('of the registry never ends well', async () => {
    const mirror = await mirrorWithBlob()
    mirror.engine.behaviour = { openError: new AppError('DISK_FULL', 'no room') }
    mirror.registry.faults.set({ match: 'GET .*blobs', corruptAt: 1000 })
    const answer = await mirror.ask(path)
    expect(answer.complete).toBe(false)
  })

  it('of the registry never ends well with open length either', async () => {
    const mirror = await mirrorWithBlob()
    mirror.engine.behaviour = { openError: new AppError('DISK_FULL', 'no room') }
    mirror.registry.faults.set({ match: 'GET .*blobs', noLength: true, corruptAt: 1000 })
    const answer = await mirror.ask(path)
    expect(answer.complete).toBe(false)
  })
})
