import { once } from 'node:events'
import { request as httpRequest, type ServerResponse } from 'node:http'
import { createSecureServer as createHttp2Server, connect as http2Connect } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer as createTlsServer, type TLSSocket, connect as tlsConnect } from 'node:tls'
import { bytesSource, makeCa, startRegistry, type TestCa, tempDirectory } from '@df/testkit'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { bytesOf, startMirror, type TestMirror } from '../test-support/mirror.ts'
import { connectThrough, tlsThrough } from '../test-support/tunnel.ts'
import { generateAuthority, loadAuthority } from './authority.ts'
import { HostPatterns } from './host-pattern.ts'
import { LeafCache } from './leaf-cache.ts'
import { NoProxy } from './no-proxy.ts'
import { Outgoing } from './outgoing.ts'
import { ProxyRules } from './rules.ts'
import type { ProxySettings } from './settings.ts'

describe('a plain tunnel', () => {
  it('passes bytes both ways, and an end as an end', async () => {
    const at = await tcp((socket) => {
      socket.write('hello ')
      socket.pipe(socket)
    })
    const { url } = await startMirror()
    const { socket } = await connectThrough(url, at)
    socket.write('one ')
    await sleep(20)
    socket.end('two')
    expect(await text(socket)).toBe('hello one two')
  })

  it('stays open the other way when one side has ended', async () => {
    const at = await tcp(async (socket) => {
      const asked = await text(socket)
      await sleep(50)
      socket.end(`you said ${asked}`)
    })
    const { url } = await startMirror()
    const { socket } = await connectThrough(url, at)
    socket.end('this')
    expect(await text(socket)).toBe('you said this')
  })

  it('breaks for the client when it breaks at the origin', async () => {
    const at = await tcp((socket) => {
      socket.write('part')
      setTimeout(() => socket.resetAndDestroy(), 50)
    })
    const { url } = await startMirror()
    const { socket } = await connectThrough(url, at)
    const failed = once(socket, 'error')
    socket.resume()
    expect((await failed)[0].code).toBe('ECONNRESET')
  })

  it('is closed at the origin when the client is gone', async () => {
    const closed = Promise.withResolvers<void>()
    const at = await tcp((socket) => {
      socket.on('error', () => {})
      socket.once('close', () => closed.resolve())
      socket.write(Buffer.alloc(10_000_000))
    })
    const { url } = await startMirror()
    const { socket } = await connectThrough(url, at)
    socket.destroy()
    await expect(closed.promise).resolves.toBeUndefined()
  })

  it('carries HTTP/2 untouched', async () => {
    const ca = await authority()
    const server = createHttp2Server(await ca.issue('localhost'))
    server.on('stream', (stream, headers) => {
      stream.respond({ ':status': 200 })
      stream.end(`h2 ${headers[':path']}`)
    })
    const at = await listening(server)
    const { url } = await startMirror()
    const secure = await tlsThrough({
      proxyUrl: url,
      authority: at,
      ca: ca.certificate,
      alpn: ['h2'],
    })
    expect(secure.alpnProtocol).toBe('h2')
    const session = http2Connect(`https://${at}`, { createConnection: () => secure })
    expect(await text(session.request({ ':path': '/x' }))).toBe('h2 /x')
    session.destroy()
  })

  it('is refused by a rule, for what is no target, and where nobody listens', async () => {
    const { url, log } = await startMirror({
      proxy: { rules: new ProxyRules(['^https://refused\\.lan/ refuse']), bypass: new NoProxy([]) },
    })
    const refusals = await Promise.all(
      ['refused.lan:443', 'no-port', '127.0.0.1:1'].map((at) => connectThrough(url, at)),
    )
    expect(refusals.map(({ status, body }) => [status, body])).toEqual([
      [403, 'a rule of this proxy refuses this address\n'],
      [400, 'write CONNECT HOST:PORT\n'],
      [502, 'the origin cannot be reached: connect ECONNREFUSED 127.0.0.1:1\n'],
    ])
    expect(log()).toMatch(/"host":"127.0.0.1","port":1,"passage":"tunnel","end":"failed"/)
  })
})

describe('TLS of a listed host', () => {
  let own: { cert: string; key: string }
  let registryCa: TestCa

  beforeAll(async () => {
    const folder = await tempDirectory()
    registryCa = await makeCa(folder.path)
    own = await generateAuthority({ commonName: 'test', lifeMs: 86_400_000, hosts: [] })
    return () => folder.remove()
  })

  it('ends here: its requests are answered, blobs from the swarm', async () => {
    const { mirror, at, registry } = await opening()
    const content = bytesOf('blob', 200_000)
    const digest = await registry.content.addBlob('team/app', bytesSource(content))
    mirror.engine.put({ kind: 'blob', digest }, content)
    const secure = await through(mirror, at, own.cert, { alpn: ['h2', 'http/1.1'] })
    expect(secure.alpnProtocol).toBe('http/1.1')
    const blob = await get(secure, at, `/v2/team/app/blobs/${digest}`)
    expect([blob.status, blob.body.equals(content)]).toEqual([200, true])
    expect(registry.blobBytesSent(digest)).toBe(0)
    await expect
      .poll(() => mirror.log())
      .toMatch(
        /"url":"https:\/\/localhost:\d+\/v2\/team\/app\/blobs\/sha256:[0-9a-f]+","passage":"blob"/,
      )
    expect(await mirror.metrics()).toContain(
      'dfdaemon_proxy_requests_total{passage="blob",end="complete"} 1',
    )
  })

  it('is left alone from its second try for a client that refuses our certificate, and for that client only', async () => {
    const { mirror, at } = await opening()
    const pinned = { headers: { 'user-agent': 'pinned' } }
    await expect(through(mirror, at, registryCa.certificate, pinned)).rejects.toThrow(/certificate/)
    await settled()
    const secure = await through(mirror, at, registryCa.certificate, pinned)
    expect((await get(secure, at, '/v2/')).status).toBe(200)
    secure.destroy()
    const other = await through(mirror, at, own.cert, { headers: { 'user-agent': 'docker' } })
    expect((await get(other, at, '/v2/')).status).toBe(200)
    other.destroy()
    expect(await mirror.metrics()).toContain('dfdaemon_proxy_refused_certificates_total 1')
  })

  it('is opened again for one that takes neither certificate', async () => {
    const { mirror, at } = await opening()
    const stranger = await authority()
    await expect(through(mirror, at, stranger.certificate)).rejects.toThrow(/certificate/)
    await settled()
    await expect(through(mirror, at, stranger.certificate)).rejects.toThrow(/certificate/)
    await settled()
    const secure = await through(mirror, at, own.cert)
    expect((await get(secure, at, '/v2/')).status).toBe(200)
    secure.destroy()
  })

  it('is left alone when this host does not trust the origin itself', async () => {
    const { mirror, at } = await opening({ outgoing: new Outgoing() })
    const secure = await through(mirror, at, registryCa.certificate)
    expect((await get(secure, at, '/v2/')).status).toBe(200)
    secure.destroy()
    expect(mirror.log()).toMatch(/"hint":"name the authority of its certificate with --origin-ca"/)
  })

  it('is left alone from the next connection on when the origin has a certificate that this host does not trust any more', async () => {
    const { mirror, at, registry } = await opening()
    const before = await through(mirror, at, own.cert)
    expect((await get(before, at, '/v2/')).status).toBe(200)
    before.destroy()
    await registry.stop()
    const stranger = await authority()
    const { port } = registry
    const changed = await startRegistry({ port, tls: await stranger.issue('localhost') })
    onTestFinished(() => changed.stop())
    const failing = await through(mirror, at, own.cert)
    expect((await get(failing, at, '/v2/')).status).toBe(502)
    const secure = await through(mirror, at, stranger.certificate)
    expect((await get(secure, at, '/v2/')).status).toBe(200)
    secure.destroy()
  })

  it('ends at once for connections without a request when the proxy ends', async () => {
    const { mirror, at } = await opening()
    const secure = await through(mirror, at, own.cert)
    const closed = once(secure, 'close')
    await expect.poll(() => mirror.metrics()).toContain('dfdaemon_proxy_opened_connections 1')
    mirror.proxy.drain()
    await closed
    await expect.poll(() => mirror.metrics()).toContain('dfdaemon_proxy_opened_connections 0')
  })

  it('ends at once for connections kept after a request, and after their answer for those under way', async () => {
    const answers: ServerResponse[] = []
    const server = createHttpsServer(await registryCa.issue('localhost'), (request, response) => {
      if (request.url === '/slow') answers.push(response.writeHead(200).on('error', () => {}))
      else response.end('quick')
    })
    const at = await listening(server)
    const mirror = await startMirror({
      proxy: {
        intercept: new HostPatterns(['localhost']),
        leaves: await leaves(),
        outgoing: new Outgoing({ ca: registryCa.certificate }),
      },
    })
    const [kept, busy] = await Promise.all([
      through(mirror, at, own.cert),
      through(mirror, at, own.cert),
    ])
    const quick = `GET / HTTP/1.1\r\nHost: ${at}\r\n\r\n`
    kept.write(quick)
    busy.write(quick.replace('/ ', '/slow '))
    await once(kept, 'data')
    await expect.poll(() => answers).toHaveLength(1)
    answers[0]?.write('begun')
    await once(busy, 'data')

    const startedMs = performance.now()
    const ended = once(kept, 'close')
    mirror.proxy.drain()
    kept.resume()
    await ended
    expect(performance.now() - startedMs).toBeLessThan(1000)
    expect(busy.destroyed).toBe(false)
    const rest = text(busy)
    answers[0]?.end(' and done')
    expect(await rest).toContain(' and done')
  })

  it('is left alone when it is passed by, and when it is none', async () => {
    const bypassed = await opening({ bypass: new NoProxy(['localhost']) })
    const secure = await through(bypassed.mirror, bypassed.at, registryCa.certificate)
    secure.destroy()

    const mirror = await startMirror({
      proxy: { intercept: new HostPatterns(['*']), leaves: await leaves() },
    })
    const plain = await tcp((socket) => socket.pipe(socket))
    const { socket } = await connectThrough(mirror.url, plain)
    socket.end('no TLS')
    expect(await text(socket)).toBe('no TLS')
  })

  it('of an address has a certificate for the address', async () => {
    const { mirror, at } = await opening({}, '127.0.0.1')
    const secure = await through(mirror, at, own.cert)
    expect((await get(secure, at, '/v2/')).status).toBe(200)
    secure.destroy()
  })

  it('has a certificate for the name that the client asks for when that is listed too, else for the host it connects to', async () => {
    const { mirror, at } = await opening({
      intercept: new HostPatterns(['localhost', '*.listed.lan', 'port.lan:1']),
    })
    const names = ['a.listed.lan', 'bank.example', 'port.lan']
    const issued = await Promise.all(names.map((name) => certifiedName(mirror, at, name)))
    expect(issued).toEqual(['DNS:a.listed.lan', 'DNS:localhost', 'DNS:localhost'])
  })

  it('carries WebSockets too', async () => {
    const ca = registryCa
    const server = createTlsServer(await ca.issue('localhost'), (socket) => {
      socket.once('data', () => {
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
        )
        socket.pipe(socket)
      })
    })
    const at = await listening(server)
    const mirror = await startMirror({
      proxy: {
        intercept: new HostPatterns(['localhost']),
        leaves: await leaves(),
        outgoing: new Outgoing({ ca: ca.certificate }),
      },
    })
    const secure = await through(mirror, at, own.cert)
    secure.write(
      `GET /chat HTTP/1.1\r\nHost: ${at}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    )
    expect(String((await once(secure, 'data'))[0])).toMatch(/^HTTP\/1.1 101/)
    secure.write('ping')
    expect(String((await once(secure, 'data'))[0])).toBe('ping')
    secure.destroy()
  })

  async function certifiedName(mirror: TestMirror, at: string, servername: string) {
    // Each is another client: who leaves without a request may have refused the certificate.
    const { socket } = await connectThrough(mirror.url, at, { 'user-agent': servername })
    const checkServerIdentity = () => undefined
    const secure = tlsConnect({ socket, ca: own.cert, servername, checkServerIdentity })
    await once(secure, 'secureConnect')
    const { subjectaltname } = secure.getPeerCertificate()
    secure.destroy()
    return subjectaltname
  }

  async function leaves(): Promise<LeafCache> {
    return new LeafCache({ authority: await loadAuthority(own) })
  }

  async function opening(settings: Partial<ProxySettings> = {}, name = 'localhost') {
    const registry = await startRegistry({ tls: await registryCa.issue('localhost', '127.0.0.1') })
    onTestFinished(() => registry.stop())
    const mirror = await startMirror({
      allowOrigin: ['127.0.0.0/8'],
      originCa: registryCa.certificate,
      proxy: {
        intercept: new HostPatterns([name]),
        leaves: await leaves(),
        outgoing: new Outgoing({ ca: registryCa.certificate }),
        ...settings,
      },
    })
    return { mirror, registry, at: `${name}:${registry.port}` }
  }
})

function through(
  mirror: TestMirror,
  authority: string,
  ca: string,
  more: { headers?: Record<string, string>; alpn?: string[] } = {},
): Promise<TLSSocket> {
  return tlsThrough({ proxyUrl: mirror.url, authority, ca, ...more })
}

async function get(secure: TLSSocket, authority: string, path: string) {
  const asked = httpRequest({ path, headers: { host: authority }, createConnection: () => secure })
  asked.end()
  const [response] = await once(asked, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode, body: Buffer.concat(chunks) }
}

async function authority(): Promise<TestCa> {
  const folder = await tempDirectory()
  onTestFinished(() => folder.remove())
  return await makeCa(folder.path)
}

async function tcp(onConnection: (socket: Socket) => unknown): Promise<string> {
  return await listening(createTcpServer({ allowHalfOpen: true }, onConnection))
}

async function listening(
  server: Pick<Server, 'listen' | 'once' | 'address' | 'close'>,
): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server as Server, 'listening')
  onTestFinished(() => void server.close())
  return `localhost:${(server.address() as AddressInfo).port}`
}

/** The proxy learns of an alert a little after the client has sent it. */
const settled = () => sleep(50)
