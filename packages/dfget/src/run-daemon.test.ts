import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { type ErrorCode, errorInfo } from '@df/proto'
import { digestOf, type FileOrigin, generatedSource, readAll, startFileOrigin } from '@df/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CommandBench } from './test-support.ts'

const source = generatedSource('daemon', 300_000)
const task = 'a'.repeat(64)
let bench: CommandBench
let origin: FileOrigin
let daemon: FakeDaemon

beforeEach(async () => {
  bench = await CommandBench.create()
  origin = await startFileOrigin()
  origin.files.set('/file', source)
  daemon = await startDaemon()
})

afterEach(async () => {
  await daemon.stop()
  await origin.stop()
  await bench.remove()
})

type Answer = (response: ServerResponse) => Promise<void> | void

interface FakeDaemon {
  url: string
  /** How it answers downloads. */
  answer: Answer
  /** Whether it says that it lives. */
  lives: boolean
  requests: { headers: IncomingMessage['headers']; body: unknown }[]
  stop(): Promise<void>
}

async function startDaemon(): Promise<FakeDaemon> {
  const server = createServer((request, response) => {
    const route = `${request.method} ${request.url}`
    if (!fake.lives) return
    if (route === 'GET /healthz') response.end('ok')
    else if (route === 'POST /api/v1/downloads') void take(request, response)
    else if (route === `GET /api/v1/tasks/${task}`) response.end(JSON.stringify(figures()))
    else response.writeHead(404).end()
  })
  async function take(request: IncomingMessage, response: ServerResponse) {
    fake.requests.push({ headers: request.headers, body: await json(request) })
    await fake.answer(response)
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const fake: FakeDaemon = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: whole,
    lives: true,
    requests: [],
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return fake
}

function figures(): object {
  return {
    id: task,
    url: 'http://o/file',
    digest: null,
    state: 'complete',
    contentLength: source.sizeBytes,
    haveBytes: source.sizeBytes,
    received: { peers: 200_000, seed: 100_000, origin: 0 },
    efficiency: {
      receivedFrom: [{ host: 'a'.repeat(32), bytes: 300_000 }],
      receivedFromOthers: 0,
      repeatedPieces: 0,
      repairedPieces: 0,
      firstByteMs: 1,
      durationMs: 110,
      floorMs: 100,
      floorBy: 'limit',
      floorRatio: 1.1,
    },
    startedAt: new Date().toISOString(),
    finishedAt: null,
    error: null,
  }
}

function head(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': source.sizeBytes, 'df-task': task })
}

const whole: Answer = async (response) => {
  head(response)
  response.end(await readAll(source))
}

/** Sends so many bytes, then lets `then` decide. */
function part(bytes: number, then: (response: ServerResponse) => void): Answer {
  return async (response) => {
    head(response)
    response.write((await readAll(source)).subarray(0, bytes))
    setTimeout(() => then(response), 50)
  }
}

function problem(code: ErrorCode): Answer {
  const { status, summary } = errorInfo(code)
  const body = { type: `urn:${code}`, title: summary, status, code, detail: `${code} it is` }
  return (response) => void response.writeHead(status).end(JSON.stringify(body))
}

const get = (...args: string[]) =>
  bench.dfget([`${origin.url}/file`, '-O', 'out', '--daemon', daemon.url, ...args])
const content = async () => (await bench.read('out')).equals(await readAll(source))

test("the host's dfdaemon is asked, with all that it needs to know, and nothing is asked elsewhere", async () => {
  const digest = await digestOf(source)
  const flags = `--digest ${digest} --tag t --application a --filter-query q --rate-limit 100MB/s`
  const limit = ['--total-limit', '50MB/s']
  const result = await get(...flags.split(' '), ...limit, '--header', 'A: b')
  expect(result).toMatchObject({ code: 0 })
  expect(result.err).toContain('peers 67%, seed 33%, 1.10 × floor (rate limit)')
  expect(await content()).toBe(true)
  expect(origin.log.entries).toEqual([])
  expect(daemon.requests).toMatchObject([
    {
      headers: { 'df-client': 'dfget' },
      body: {
        url: `${origin.url}/file`,
        digest,
        headers: { a: 'b' },
        tag: 't',
        application: 'a',
        filterQuery: ['q'],
        rateLimitBps: 50_000_000,
      },
    },
  ])
  expect(await bench.unfinished()).toEqual([])
})

describe('a peer of our own does it', () => {
  test('when no daemon answers', async () => {
    const startedAtMs = performance.now()
    daemon.lives = false
    expect(await get()).toMatchObject({ code: 0 })
    expect(performance.now() - startedAtMs).toBeLessThan(4000)
    expect(await content()).toBe(true)
  })

  test('when nothing listens', async () => {
    await daemon.stop()
    expect(await get()).toMatchObject({ code: 0 })
    expect(await content()).toBe(true)
    daemon = await startDaemon()
  })

  const refusals = ['ORIGIN_REFUSED', 'DISK_FULL', 'INTERNAL', 'ORIGIN_UNREACHABLE'] as const
  test.each(refusals)('when the daemon says %s', async (code) => {
    daemon.answer = problem(code)
    expect(await get()).toMatchObject({ code: 0 })
    expect(await content()).toBe(true)
  })

  test('when it is no daemon that answers', async () => {
    daemon.answer = (response) => void response.writeHead(404).end('<html>')
    expect(await get()).toMatchObject({ code: 0 })
    expect(await content()).toBe(true)
  })

  test.each([true, false])('when the daemon dies on the way (with a digest: %s)', async (given) => {
    daemon.answer = part(100_000, (response) => response.destroy())
    const result = await get(...(given ? ['--digest', await digestOf(source)] : []))
    expect(result).toMatchObject({ code: 0 })
    expect(result.err).toMatch(/^dfget: .*broke off; going on without it\nout: /)
    expect(await content()).toBe(true)
    expect(await bench.files()).toEqual(['out'])
  })

  test('when the daemon hangs on the way', async () => {
    daemon.answer = part(100_000, () => {
      daemon.lives = false
    })
    const startedAtMs = performance.now()
    expect(await get()).toMatchObject({ code: 0 })
    expect(performance.now() - startedAtMs).toBeLessThan(8000)
    expect(await content()).toBe(true)
  })
})

describe('what the origin said to the daemon is final', () => {
  test.each(['ORIGIN_NOT_FOUND', 'ORIGIN_UNAUTHORIZED', 'CONTENT_DIGEST_MISMATCH'] as const)(
    '%s',
    async (code) => {
      daemon.answer = problem(code)
      const result = await get()
      expect(result.code).toBe(errorInfo(code).exit)
      expect(result.err).toContain(`${code} it is`)
      expect(origin.log.entries).toEqual([])
      expect(await bench.files()).toEqual([])
    },
  )
})

test('what a daemon gives is checked against the digest all the same', async () => {
  const digest = await digestOf(generatedSource('other', 1))
  expect(await get('--digest', digest)).toMatchObject({ code: 6 })
  expect(await bench.files()).toEqual([])
})
