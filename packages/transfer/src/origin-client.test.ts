import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createAddressGuard, createOriginDispatcher } from '@df/kit'
import { afterEach, describe, expect, test } from 'vitest'
import { createOriginClient, type OriginClientOptions } from './origin-client.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

type Handler = (request: IncomingMessage, response: ServerResponse) => void

async function startOrigin(handler: Handler, host = '127.0.0.1') {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as { port: number }
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://${host}:${port}`, host: `${host}:${port}` }
}

function client(options: Partial<OriginClientOptions> = {}, allow = ['127.0.0.0/8']) {
  const dispatcher = createOriginDispatcher({
    guard: createAddressGuard({ allow }),
    connectTimeoutMs: 1000,
  })
  closers.push(() => dispatcher.close())
  return createOriginClient({ dispatcher, ...options })
}

async function bytesOf(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe('origin client', () => {
  test('a whole and a ranged answer tell where they stand in the content', async () => {
    const { url } = await startOrigin((request, response) => {
      const isRanged = request.headers.range === 'bytes=2-3'
      response.writeHead(isRanged ? 206 : 200, {
        etag: '"v1"',
        ...(isRanged ? { 'content-range': 'bytes 2-3/6' } : { 'content-length': 6 }),
      })
      response.end(isRanged ? 'cd' : 'abcdef')
    })
    const origin = client()
    const whole = await origin.open({ url })
    expect([whole.start, whole.totalLength]).toEqual([0, 6])
    expect(String(await bytesOf(whole.body))).toBe('abcdef')
    const part = await origin.open({ url, range: { start: 2, end: 4 } })
    expect([part.start, part.totalLength]).toEqual([2, 6])
    expect(part.generation).toBe(whole.generation)
    part.cancel()
  })

  test('credentials go to the host that was asked, and not to the one it redirects to', async () => {
    const seen: (string | undefined)[] = []
    const other = await startOrigin((request, response) => {
      seen.push(request.headers.authorization)
      response.end('moved')
    }, '127.0.0.2')
    const { url } = await startOrigin((request, response) => {
      seen.push(request.headers.authorization)
      const isFirst = request.url === '/a'
      response.writeHead(307, { location: isFirst ? '/b' : `${other.url}/c` }).end()
    })
    const response = await client().open({
      url: `${url}/a`,
      headers: { Authorization: 'Bearer secret' },
    })
    expect(String(await bytesOf(response.body))).toBe('moved')
    expect(seen).toEqual(['Bearer secret', 'Bearer secret', undefined])
  })

  test('a redirect to a guarded address is refused, and the refusal names the flag', async () => {
    const { url, host } = await startOrigin((_request, response) => {
      response.writeHead(302, { location: 'http://127.0.0.3:1/' }).end()
    })
    const allow = [host.split(':')[0] ?? '']
    await expect(client({}, allow).open({ url })).rejects.toMatchObject({
      code: 'ORIGIN_REFUSED',
      hint: expect.stringContaining('--allow-origin'),
    })
  })

  test('redirects without end are told from long ones', async () => {
    const { url } = await startOrigin((request, response) => {
      const hop = Number(request.url?.slice(1))
      response.writeHead(302, { location: hop < 8 ? `/${hop + 1}` : '/8' }).end()
    })
    await expect(client().open({ url: `${url}/0` })).rejects.toMatchObject({
      code: 'ORIGIN_TOO_MANY_REDIRECTS',
    })
  })

  test.each([
    [401, 'ORIGIN_UNAUTHORIZED'],
    [403, 'ORIGIN_FORBIDDEN'],
    [404, 'ORIGIN_NOT_FOUND'],
    [416, 'RANGE_INVALID'],
    [429, 'ORIGIN_RATE_LIMITED'],
    [503, 'ORIGIN_FAILED'],
  ])('status %i is %s, with what the origin said', async (status, code) => {
    const { url } = await startOrigin((_request, response) => {
      const challenge = 'Bearer realm="https://auth/token"'
      response.writeHead(status, { 'www-authenticate': challenge, 'retry-after': '7' }).end('no')
    })
    await expect(client().open({ url })).rejects.toMatchObject({
      code,
      detail: { status, wwwAuthenticate: 'Bearer realm="https://auth/token"', retryAfter: '7' },
    })
  })

  test('a challenge is answered once, by the hook, and only when the caller brought no credentials', async () => {
    const { url } = await startOrigin((request, response) => {
      const isKnown = request.headers.authorization === 'Bearer anonymous'
      response.writeHead(isKnown ? 200 : 401, { 'www-authenticate': 'Bearer realm="x"' }).end('ok')
    })
    let asked = 0
    const origin = client({
      authorize: async () => {
        asked++
        return 'Bearer anonymous'
      },
    })
    expect((await origin.open({ url })).status).toBe(200)
    const mine = origin.open({ url, headers: { authorization: 'Bearer mine' } })
    await expect(mine).rejects.toMatchObject({ code: 'ORIGIN_UNAUTHORIZED' })
    expect(asked).toBe(1)
  })

  test('no answer, silence in the body and a cut are told apart, in bounded time', async () => {
    const { url } = await startOrigin((request, response) => {
      if (request.url === '/none') return
      response.writeHead(200, { 'content-length': 100 })
      response.write('some', () => request.url === '/cut' && response.destroy())
    })
    const origin = client({ headersTimeoutMs: 100, silenceMs: 100 })
    await expect(origin.open({ url: `${url}/none` })).rejects.toMatchObject({
      code: 'ORIGIN_STALLED',
    })
    const stalled = await origin.open({ url: `${url}/stall` })
    await expect(bytesOf(stalled.body)).rejects.toMatchObject({ code: 'ORIGIN_STALLED' })
    const cut = await origin.open({ url: `${url}/cut` })
    await expect(bytesOf(cut.body)).rejects.toMatchObject({ code: 'ORIGIN_UNREACHABLE' })
    const nowhere = origin.open({ url: 'http://127.0.0.1:1/' })
    await expect(nowhere).rejects.toMatchObject({ code: 'ORIGIN_UNREACHABLE' })
  })

  test('a reader slower than the silence limit is not taken for a silent origin', async () => {
    const { url } = await startOrigin((_request, response) => {
      response.writeHead(200, { 'content-length': 400_000 })
      response.end(Buffer.alloc(400_000))
    })
    const { body } = await client({ silenceMs: 80 }).open({ url })
    let size = 0
    for await (const chunk of body) {
      if (size === 0) await new Promise((resolve) => setTimeout(resolve, 200))
      size += chunk.length
    }
    expect(size).toBe(400_000)
  })

  test('an answer to another range than was asked is not taken', async () => {
    const { url } = await startOrigin((_request, response) => {
      response.writeHead(206, { 'content-range': 'bytes 0-3/6' }).end('abcd')
    })
    const wrong = client().open({ url, range: { start: 2, end: 4 } })
    await expect(wrong).rejects.toMatchObject({ code: 'ORIGIN_FAILED' })
  })
})
