import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import { createServer as createTcpServer, type LookupFunction } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Dispatcher, request } from 'undici'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { createAddressGuard } from './address-guard.ts'
import { closeServer } from './close-server.ts'
import { listen } from './listen.ts'
import { createOriginDispatcher, type OriginDispatcherOptions } from './origin-dispatcher.ts'
import { originErrorOf } from './origin-error.ts'

let folder: string
let tls: { cert: string; key: string }

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kit-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=DNS:origin.test,IP:127.0.0.1']
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ],
    { stdio: 'ignore' },
  )
  tls = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
})
afterAll(() => rmSync(folder, { recursive: true }))

const hello: RequestListener = (_, response) => response.end('hello')

async function serve(server: Server | TlsServer): Promise<string> {
  onTestFinished(() => closeServer(server, 0))
  return (await listen(server, { host: '127.0.0.1', port: 0 })).url
}

function dispatcher(allow: string[], options: Partial<OriginDispatcherOptions> = {}): Dispatcher {
  const made = createOriginDispatcher({
    guard: createAddressGuard({ allow }),
    connectTimeoutMs: 1000,
    ...options,
  })
  onTestFinished(() => made.destroy())
  return made
}

/** A resolver that knows one answer. */
function resolver(...addresses: string[]): LookupFunction {
  return (_, __, callback) => {
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    callback(null, found)
  }
}

async function get(url: string, through: Dispatcher): Promise<string> {
  try {
    return await (await request(url, { dispatcher: through })).body.text()
  } catch (error) {
    throw originErrorOf(error)
  }
}

test('a guarded address is refused as a literal, by name, and by a name that resolves to it', async () => {
  const url = await serve(createServer(hello))
  const refused = { code: 'ORIGIN_REFUSED', hint: expect.stringContaining('--allow-origin') }
  await expect(get(url, dispatcher([]))).rejects.toMatchObject(refused)
  await expect(get(url.replace('127.0.0.1', 'localhost'), dispatcher([]))).rejects.toMatchObject(
    refused,
  )
  await expect(
    get(url.replace('127.0.0.1', '[::ffff:127.0.0.1]'), dispatcher([])),
  ).rejects.toMatchObject(refused)
  await expect(get(url.replace('127.0.0.1', '2130706433'), dispatcher([]))).rejects.toMatchObject(
    refused,
  )
  const rebound = dispatcher([], { lookup: resolver('127.0.0.1') })
  await expect(get(url.replace('127.0.0.1', 'public.example'), rebound)).rejects.toMatchObject(
    refused,
  )
})

test('what is allowed is reached: by address, by net, by name', async () => {
  const url = await serve(createServer(hello))
  expect(await get(url, dispatcher(['127.0.0.1']))).toBe('hello')
  expect(await get(url, dispatcher(['127.0.0.0/8']))).toBe('hello')
  const named = dispatcher(['origin.test'], { lookup: resolver('127.0.0.1') })
  expect(await get(url.replace('127.0.0.1', 'origin.test'), named)).toBe('hello')
})

test('of the addresses of a name only those that are allowed are tried', async () => {
  const url = await serve(createServer(hello))
  const mixed = dispatcher(['127.0.0.1'], { lookup: resolver('10.255.255.1', '::1', '127.0.0.1') })
  expect(await get(url.replace('127.0.0.1', 'mixed.example'), mixed)).toBe('hello')
})

test('a certificate is trusted when its authority is given, or when asked to trust any', async () => {
  const url = await serve(createTlsServer(tls, hello))
  const allow = ['127.0.0.1']
  const untrusted = { code: 'ORIGIN_TLS', hint: expect.stringContaining('authority') }
  await expect(get(url, dispatcher(allow))).rejects.toMatchObject(untrusted)
  expect(await get(url, dispatcher(allow, { ca: tls.cert }))).toBe('hello')
  expect(await get(url, dispatcher(allow, { insecure: true }))).toBe('hello')
})

test('a certificate for another name is not trusted', async () => {
  const url = await serve(createTlsServer(tls, hello))
  const other = dispatcher(['other.test'], { ca: tls.cert, lookup: resolver('127.0.0.1') })
  const right = dispatcher(['origin.test'], { ca: tls.cert, lookup: resolver('127.0.0.1') })
  await expect(get(url.replace('127.0.0.1', 'other.test'), other)).rejects.toMatchObject({
    code: 'ORIGIN_TLS',
  })
  expect(await get(url.replace('127.0.0.1', 'origin.test'), right)).toBe('hello')
})

test('TLS to a plain server, and plain HTTP to something else, are told apart from silence', async () => {
  const plain = await serve(createServer(hello))
  const allow = ['127.0.0.1']
  await expect(get(plain.replace('http:', 'https:'), dispatcher(allow))).rejects.toMatchObject({
    code: 'ORIGIN_TLS',
    message: 'no trusted connection to the origin: wrong version number',
  })
  const noise = createTcpServer((socket) =>
    socket.on('error', () => undefined).end('SSH-2.0-x\r\n'),
  )
  onTestFinished(() => void noise.close())
  await new Promise<void>((resolve) => noise.listen(0, '127.0.0.1', resolve))
  const address = noise.address()
  const port = typeof address === 'object' ? address?.port : undefined
  await expect(get(`http://127.0.0.1:${port}`, dispatcher(allow))).rejects.toMatchObject({
    code: 'ORIGIN_FAILED',
  })
})

test('a closed port and an unknown name are unreachable', async () => {
  const server = createServer(hello)
  const { url } = await listen(server, { host: '127.0.0.1', port: 0 })
  await closeServer(server, 0)
  const unreachable = { code: 'ORIGIN_UNREACHABLE', retryable: true }
  await expect(get(url, dispatcher(['127.0.0.1']))).rejects.toMatchObject(unreachable)
  const unknown: LookupFunction = (_, __, callback) => {
    callback(Object.assign(new Error('getaddrinfo ENOTFOUND x'), { code: 'ENOTFOUND' }), '', 0)
  }
  await expect(get('http://x.example', dispatcher([], { lookup: unknown }))).rejects.toMatchObject(
    unreachable,
  )
})

test('a redirect is not followed', async () => {
  const url = await serve(
    createServer((_, response) =>
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    ),
  )
  const response = await request(url, { dispatcher: dispatcher(['127.0.0.1']) })
  await response.body.dump()
  expect(response.statusCode).toBe(302)
})

test('silence is a stall, a time limit a timeout, and an abort stays what it is', async () => {
  const url = await serve(createServer(() => undefined))
  const through = dispatcher(['127.0.0.1'])
  const ask = (options: object) =>
    request(url, { dispatcher: through, ...options }).catch((error: unknown) => {
      throw originErrorOf(error)
    })
  await expect(ask({ headersTimeout: 100 })).rejects.toMatchObject({ code: 'ORIGIN_STALLED' })
  await expect(ask({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ code: 'TIMEOUT' })
  await expect(ask({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
})
