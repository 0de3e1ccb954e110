import { once } from 'node:events'
import { createServer, request as httpRequest, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { connect as netConnect } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { makeCa, tempDirectory } from '@df/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ask } from '../test-support/client.ts'
import { bytesOf, startMirror } from '../test-support/mirror.ts'
import { NoProxy } from './no-proxy.ts'
import { Outgoing } from './outgoing.ts'
import { ProxyRules } from './rules.ts'

describe('a request in absolute form', () => {
  it('goes to its origin as it is, without fields of the connection, and so comes the answer', async () => {
    let seen: { url: string | undefined; raw: string[] } | undefined
    const origin = await serve((request, response) => {
      seen = { url: request.url, raw: request.rawHeaders }
      response.writeHead(201, 'Made', [
        ...['X-One', '1', 'x-one', '2', 'Set-Cookie', 'a=b', 'Set-Cookie', 'c=d'],
        ...['Connection', 'x-hop', 'X-Hop', 'gone', 'Content-Encoding', 'gzip'],
      ])
      response.end('not really gzip')
    })
    const { url } = await startMirror()
    const answer = await raw(url, [
      `GET ${origin.url}/a/../b?x=%2F&y HTTP/1.1`,
      'Host: elsewhere.lan',
      'X-Custom: 1',
      'x-custom: 2',
      'Proxy-Authorization: Basic c2VjcmV0',
      'Connection: close, X-Mine',
      'X-Mine: gone',
      'Accept-Encoding: gzip',
    ])
    expect(seen?.url).toBe('/a/../b?x=%2F&y')
    expect(seen?.raw.slice(0, 8)).toEqual([
      ...['Host', new URL(origin.url).host, 'X-Custom', '1', 'x-custom', '2'],
      ...['Accept-Encoding', 'gzip'],
    ])
    expect(seen?.raw.join().toLowerCase()).not.toMatch(/proxy-|mine/)
    expect(answer).toMatch(/^HTTP\/1.1 201 Made\r\nX-One: 1\r\nx-one: 2\r\n/)
    expect(answer).toMatch(/Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n/)
    expect(answer).toMatch(/Content-Encoding: gzip\r\n/)
    expect(answer).not.toMatch(/hop/i)
    expect(answer).toContain('not really gzip')
  })

  it('keeps its framing and its host, whatever Connection names', async () => {
    const seen: string[] = []
    const origin = await serve((request, response) => {
      void text(request).then((body) => {
        seen.push(`${request.url} ${request.headers.host} ${body}`)
        response.end('done')
      })
    })
    const { url } = await startMirror()
    const hidden = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n'
    const answer = await raw(url, [
      `GET ${origin.url}/open HTTP/1.1`,
      'Host: x',
      'Connection: close, content-length, host',
      `Content-Length: ${hidden.length}`,
      '',
      hidden.slice(0, -4),
    ])
    expect(answer).toMatch(/^HTTP\/1.1 200 /)
    expect(seen).toEqual([`/open ${new URL(origin.url).host} ${hidden}`])
  })

  it.each(['PUT', 'POST', 'PATCH', 'DELETE'])(
    'may be a %s with a body of any length',
    async (method) => {
      const origin = await serve((request, response) => {
        void buffer(request).then((body) => {
          response.end(`${request.method} ${body.length} ${body.equals(content)}`)
        })
      })
      const content = bytesOf('upload', 3_000_000)
      const { url } = await startMirror()
      const whole = await ask(url, `${origin.url}/`, { method, body: content })
      expect(whole.body.toString()).toBe(`${method} 3000000 true`)
      const chunked = httpRequest({
        ...{
          host: '127.0.0.1',
          port: new URL(url).port,
          method,
          path: `${origin.url}/`,
          agent: false,
        },
        headers: { 'transfer-encoding': 'chunked' },
      })
      for (let at = 0; at < content.length; at += 500_000)
        chunked.write(content.subarray(at, at + 500_000))
      chunked.end()
      const [response] = await once(chunked, 'response')
      expect(await text(response)).toBe(`${method} 3000000 true`)
    },
  )

  it('that waits for a word before its body gets the word of the origin', async () => {
    const origin = await serve((request, response) => void request.pipe(response))
    origin.server.on('checkContinue', (request, response) => {
      if (request.url === '/no') {
        response.writeHead(417).end()
      } else {
        response.writeContinue()
        origin.server.emit('request', request, response)
      }
    })
    const { url } = await startMirror()
    const send = async (path: string) => {
      const asked = httpRequest({
        ...{ host: '127.0.0.1', port: new URL(url).port, method: 'PUT', agent: false },
        path: origin.url + path,
        headers: { expect: '100-continue', 'content-length': '5' },
      })
      asked.flushHeaders()
      const word = await Promise.race([
        once(asked, 'continue').then(() => 'go on'),
        once(asked, 'response'),
      ])
      if (word !== 'go on') return word[0].statusCode
      asked.end('hello')
      const [response] = await once(asked, 'response')
      return await text(response)
    }
    expect(await send('/yes')).toBe('hello')
    expect(await send('/no')).toBe(417)
  })

  it('for the head has the length of the content and no body', async () => {
    const origin = await serve((_, response) =>
      response.writeHead(200, { 'content-length': 12 }).end(),
    )
    const { url } = await startMirror()
    const answer = await ask(url, `${origin.url}/`, { method: 'HEAD' })
    expect([answer.status, answer.headers['content-length'], answer.complete]).toEqual([
      200,
      '12',
      true,
    ])
  })

  it('is cut for the caller where the origin cuts it, with a length and without', async () => {
    const origin = await serve((request, response) => {
      if (request.url === '/length') response.writeHead(200, { 'content-length': 1000 })
      response.write('some')
      setTimeout(() => response.destroy(), 50)
    })
    const { url } = await startMirror()
    for (const path of ['/length', '/chunked']) {
      const answer = await ask(url, origin.url + path)
      expect([answer.body.toString(), answer.complete]).toEqual(['some', false])
    }
  })

  it('is given up at the origin when the caller leaves', async () => {
    const left = Promise.withResolvers<void>()
    const origin = await serve((_, response) => {
      response.write(Buffer.alloc(100_000))
      response.once('close', () => left.resolve())
    })
    const { url } = await startMirror()
    await ask(url, `${origin.url}/`, { leaveAfter: 1000 })
    await expect(left.promise).resolves.toBeUndefined()
  })

  it('is asked once more when a kept connection was closed in the very moment', async () => {
    let requests = 0
    const origin = await serve((request, response) => {
      requests++
      // Without an answer, as a server that has just closed its idle connection.
      if (requests === 2) request.socket.destroy()
      else response.end(String(requests))
    })
    const { url } = await startMirror()
    expect((await ask(url, `${origin.url}/`)).body.toString()).toBe('1')
    expect((await ask(url, `${origin.url}/`)).body.toString()).toBe('3')
  })

  it('to an origin that is not there is answered in words', async () => {
    const { url, log } = await startMirror()
    const answer = await ask(url, 'http://127.0.0.1:1/path?token=secret')
    expect([answer.status, answer.body.toString()]).toEqual([
      502,
      'the origin cannot be reached: connect ECONNREFUSED 127.0.0.1:1\n',
    ])
    const line = log()
      .split('\n')
      .find((text) => text.includes('"proxied"'))
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      ...{
        method: 'GET',
        url: 'http://127.0.0.1:1/path',
        passage: 'direct',
        status: 502,
        end: 'failed',
      },
      code: 'ORIGIN_UNREACHABLE',
    })
    expect(log()).not.toContain('secret')
  })

  it.each(['ftp://a.lan/', 'http://user:secret@a.lan/', 'http://'])(
    '%s is refused as no address',
    async (path) => {
      const { url, log } = await startMirror()
      expect((await ask(url, path)).status).toBe(400)
      expect(log()).not.toContain('secret')
    },
  )
})

describe('rules', () => {
  it('refuse, rewrite the host and force https', async () => {
    const folder = await tempDirectory()
    onTestFinished(() => folder.remove())
    const ca = await makeCa(folder.path)
    const handler: RequestListener = (request, response) =>
      response.end(`${request.headers.host}${request.url}`)
    const origin = await serve(handler)
    const secure = await serve(handler, createTlsServer(await ca.issue('127.0.0.1')))
    const { url } = await startMirror({
      proxy: {
        outgoing: new Outgoing({ ca: ca.certificate }),
        rules: new ProxyRules([
          '/secret refuse',
          `^http://old\\.lan host=127.0.0.1:${port(origin.url)}`,
          `:${port(secure.url)}/ https`,
        ]),
      },
    })
    expect((await ask(url, 'http://any.lan/a/../secret')).status).toBe(403)
    expect((await ask(url, 'http://old.lan/x?y')).body.toString()).toBe(
      `127.0.0.1:${port(origin.url)}/x?y`,
    )
    const forced = await ask(url, `http://127.0.0.1:${port(secure.url)}/x`)
    expect(forced.body.toString()).toBe(`127.0.0.1:${port(secure.url)}/x`)
  })

  it('say nothing about targets that are passed by', async () => {
    const origin = await serve((_, response) => response.end('hello'))
    const { url } = await startMirror({
      proxy: { bypass: new NoProxy(['127.0.0.0/8']), rules: new ProxyRules(['. refuse']) },
    })
    expect((await ask(url, `${origin.url}/`)).body.toString()).toBe('hello')
    expect((await ask(url, 'http://other.lan/')).status).toBe(403)
  })
})

describe('a change of the protocol', () => {
  it('is passed on, and then whatever both sides say', async () => {
    const origin = await serve((_, response) => response.end())
    origin.server.on('upgrade', (request, socket: Socket, head: Buffer) => {
      const key = request.headers['sec-websocket-key']
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Key: ${key}\r\n\r\nfirst:`,
      )
      socket.unshift(head)
      socket.pipe(socket)
    })
    const { url } = await startMirror()
    const { hostname: host, port: at } = new URL(url)
    const asked = httpRequest({
      ...{ host, port: at, path: `${origin.url}/chat`, agent: false },
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': 'k' },
    })
    asked.end()
    const [answer, socket, head] = await once(asked, 'upgrade')
    expect([answer.statusCode, answer.headers['x-key']]).toEqual([101, 'k'])
    socket.end('hello')
    expect(head.toString() + (await text(socket))).toBe('first:hello')
  })

  it.each([1, 2])(
    'may have a body, sent in %d parts, before the protocol changes',
    async (parts) => {
      const body = JSON.stringify({ Detach: false, Tty: true })
      const origin = await serve(() => {})
      origin.server.on('upgrade', (_, socket: Socket, head: Buffer) => {
        void switchAfterBody(socket, head)
      })
      const switchAfterBody = async (socket: Socket, head: Buffer) => {
        let got = head.toString()
        while (got.length < body.length) got += String((await once(socket, 'data'))[0])
        socket.write(
          `HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n${got} then `,
        )
        socket.pipe(socket)
      }
      const { url } = await startMirror()
      const client = netConnect(Number(port(url)), '127.0.0.1')
      onTestFinished(() => void client.destroy())
      const half = parts === 1 ? body.length : 5
      client.write(
        [
          `POST ${origin.url}/exec/1/start HTTP/1.1`,
          'Host: x',
          ...['Connection: Upgrade', 'Upgrade: tcp', `Content-Length: ${body.length}`],
          '',
          body.slice(0, half),
        ].join('\r\n'),
      )
      if (parts === 2) setTimeout(() => client.write(`${body.slice(half)}early `), 50)
      let said = ''
      const until = async (end: string) => {
        while (!said.includes(end)) said += String((await once(client, 'data'))[0])
      }
      await until(' then ')
      client.write('late')
      await until('late')
      expect(said).toMatch(/^HTTP\/1.1 101 UPGRADED\r\n/)
      expect(said.split('\r\n\r\n')[1]).toBe(`${body} then ${parts === 2 ? 'early ' : ''}late`)
    },
  )

  it('that the origin refuses is answered with its refusal', async () => {
    const origin = await serve((_, response) =>
      response.writeHead(403, { 'x-why': 'no' }).end('not you'),
    )
    const { url } = await startMirror()
    const answer = await ask(url, `${origin.url}/chat`, {
      headers: { connection: 'Upgrade', upgrade: 'websocket' },
    })
    expect([answer.status, answer.headers['x-why'], answer.body.toString()]).toEqual([
      403,
      'no',
      'not you',
    ])
  })

  it('to HTTP/2 in plain text is not passed on: the request is answered as it is', async () => {
    const origin = await serve((request, response) => response.end(JSON.stringify(request.headers)))
    const { url } = await startMirror()
    const answer = await ask(url, `${origin.url}/`, {
      headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'x' },
    })
    expect(Object.keys(JSON.parse(answer.body.toString()))).not.toContain('http2-settings')
  })
})

interface Origin {
  url: string
  server: Server
}

async function serve(
  handler: RequestListener,
  server: Server | ReturnType<typeof createTlsServer> = createServer(),
): Promise<Origin> {
  server.on('request', handler)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server: server as Server,
  }
}

function port(url: string): string {
  return new URL(url).port
}

/** Sends lines as they are, and gives all that comes. */
async function raw(base: string, lines: readonly string[]): Promise<string> {
  const socket = netConnect(Number(port(base)), '127.0.0.1')
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  return await text(socket)
}
