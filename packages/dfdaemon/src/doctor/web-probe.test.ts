import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { freePort, makeCa, type TestCa, tempDirectory } from '@df/testkit'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { probeWeb, type WebFacts } from './web-probe.ts'
import { expiring, type Mends, unreachable } from './web-verdict.ts'

const mends: Mends = {
  name: 'mend the name',
  start: 'start it',
  authority: 'trust it',
  certificate: 'renew it',
  address: '--server',
}

let ca: TestCa
let folder: Awaited<ReturnType<typeof tempDirectory>>

beforeAll(async () => {
  folder = await tempDirectory()
  ca = await makeCa(folder.path)
})
afterAll(() => folder.remove())

async function served(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const web = (answer: RequestListener) => served(createHttpServer(answer))

function secure(certificate: { key: string; cert: string }): Promise<number> {
  const server = createHttpsServer(certificate, (_, response) => response.end('ok'))
  return served(server as unknown as Server)
}

function probe(url: string, timeoutMs = 2000): Promise<WebFacts> {
  const { signal } = new AbortController()
  return probeWeb(url, { ca: [ca.certificate], timeoutMs, signal })
}

async function verdict(url: string, timeoutMs?: number): Promise<string> {
  const found = unreachable(await probe(url, timeoutMs), mends)
  return `${found?.level}: ${found?.message.replace(/:\d{4,5}/, ':PORT')} → ${found?.mend}`
}

describe('the way to a server', () => {
  test('an answer is told with its address and its clock', async () => {
    const port = await web((_, response) => {
      response.setHeader('date', new Date(Date.now() + 600_000).toUTCString())
      response.end('hello')
    })
    const facts = await probe(`http://127.0.0.1:${port}/`)
    expect(facts).toMatchObject({ status: 200, body: 'hello', address: '127.0.0.1' })
    expect(facts.skewMs).toBeGreaterThan(595_000)
    expect(unreachable(facts, mends)).toBeUndefined()
  })

  test('a name that is none', async () => {
    expect(await verdict('http://no-such-name.invalid/')).toMatch(
      /^error: no-such-name\.invalid: the name cannot be resolved \(E\w+\) → mend the name$/,
    )
  })

  test('nothing listens', async () => {
    expect(await verdict(`http://127.0.0.1:${await freePort()}/`)).toBe(
      'error: 127.0.0.1:PORT: nothing listens there → start it',
    )
  })

  test('a server that takes the connection and says nothing', async () => {
    const port = await web(() => {})
    expect(await verdict(`http://127.0.0.1:${port}/`, 200)).toBe(
      'error: 127.0.0.1:PORT: takes the connection but does not answer (TIMEOUT) → start it',
    )
  })

  test('TLS at a plain server, and plain HTTP at one with TLS', async () => {
    const plain = await web((_, response) => response.end())
    expect(await verdict(`https://127.0.0.1:${plain}/`)).toBe(
      'error: 127.0.0.1:PORT: speaks no TLS → write http:// in --server',
    )
    const tls = await secure(await ca.issue('127.0.0.1'))
    expect(await verdict(`http://127.0.0.1:${tls}/`)).toMatch(
      /speaks no plain HTTP \(\w+\) → write https:\/\/ in --server$/,
    )
  })

  test('a connection that nobody answers', () => {
    const facts: WebFacts = {
      url: 'https://10.0.0.9/',
      failure: { stage: 'connect', code: 'TIMEOUT' },
      body: '',
    }
    expect(unreachable(facts, mends)).toEqual({
      level: 'error',
      message: '10.0.0.9: no connection (TIMEOUT)',
      mend: 'open TCP port 443 from this host to 10.0.0.9, or mend --server',
    })
  })

  test('a server that breaks off within TLS', async () => {
    const server = createTcpServer((socket) => socket.once('data', () => socket.destroy()))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    expect(await verdict(`https://127.0.0.1:${port}/`)).toMatch(
      /no TLS connection \(\w+\) → renew it$/,
    )
  })
})

describe('the certificate of a server', () => {
  test('a trusted one is told', async () => {
    const port = await secure(await ca.issue('127.0.0.1'))
    const facts = await probe(`https://127.0.0.1:${port}/`)
    expect(unreachable(facts, mends)).toBeUndefined()
    expect(facts.certificate).toMatchObject({ names: '127.0.0.1', issuer: 'dragonfly test CA' })
    expect(expiring(facts, mends)).toEqual([])
    expect(expiring(facts, mends, Date.now() + 20 * 86_400_000)).toMatchObject([
      { level: 'warning', mend: 'renew it' },
    ])
  })

  test('one of an unknown authority', async () => {
    const other = await makeCa((await tempFolder()).path)
    const port = await secure(await other.issue('127.0.0.1'))
    expect(await verdict(`https://127.0.0.1:${port}/`)).toMatch(
      /its certificate, by dragonfly test CA, is not trusted \(\w+\) → trust it$/,
    )
  })

  test('one for another name', async () => {
    const port = await secure(await ca.issue('registry.lan'))
    expect(await verdict(`https://127.0.0.1:${port}/`)).toBe(
      'error: 127.0.0.1: its certificate is for registry.lan → use one of these names in --server, or have it issued for 127.0.0.1',
    )
  })

  test('one that has ended', async () => {
    const port = await secure(await ca.issueExpired('127.0.0.1'))
    expect(await verdict(`https://127.0.0.1:${port}/`)).toMatch(
      /its certificate ended on \d{4}-\d\d-\d\d → renew it$/,
    )
  })
})

async function tempFolder() {
  const made = await tempDirectory()
  onTestFinished(() => made.remove())
  return made
}
