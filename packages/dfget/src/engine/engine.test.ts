import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { taskIdOf } from '@df/codec'
import { afterEach, describe, expect, test } from 'vitest'
import type { Engine } from './engine.ts'
import {
  digestOf,
  FakeSupernode,
  randomContent,
  readAll,
  startEngine,
  startOrigin,
} from './test-support.ts'

const undos: (() => unknown)[] = []
const cleanup = (undo: () => unknown) => undos.push(undo)
afterEach(async () => {
  for (const undo of undos.splice(0).reverse()) await undo()
})

const KiB = 1024
const MiB = 1024 * KiB

function blobOf(bytes: Buffer, url: string, headers?: Record<string, string>) {
  const identity = { kind: 'blob' as const, digest: digestOf(bytes) }
  return {
    task: taskIdOf(identity),
    request: { identity, source: { url, ...(headers && { headers }) } },
  }
}

async function fetchAll(engine: Engine, request: Parameters<Engine['open']>[0]) {
  const open = await engine.open(request)
  try {
    const bytes = await readAll(open.read())
    return { bytes, snapshot: await open.finished }
  } finally {
    open.close()
  }
}

describe('engine', () => {
  test('takes a content from the seed, piece by piece, and leaves the origin alone', async () => {
    const bytes = randomContent(3 * MiB + 77)
    const origin = await startOrigin(cleanup, bytes)
    const supernode = await new FakeSupernode().start(cleanup)
    const { task, request } = blobOf(bytes, origin.url)
    supernode.addSeed(task, bytes)
    const { engine } = await startEngine(cleanup, { supernodes: [supernode.url] })
    const got = await fetchAll(engine, request)
    expect(got.bytes.equals(bytes)).toBe(true)
    expect(got.snapshot.received).toEqual({ peers: 0, seed: bytes.length, origin: 0 })
    expect(origin.requests).toEqual([])
    await expect
      .poll(() => supernode.messages.at(-1))
      .toMatchObject({ type: 'progress', have: '49:all' })
  })

  test('reads into the buffers that a consumer gives, so that he can use them again', async () => {
    const bytes = randomContent(3 * MiB + 77)
    const origin = await startOrigin(cleanup, bytes)
    const supernode = await new FakeSupernode().start(cleanup)
    const { task, request } = blobOf(bytes, origin.url)
    supernode.addSeed(task, bytes)
    const { engine } = await startEngine(cleanup, { supernodes: [supernode.url] })
    const open = await engine.open(request)
    const memory = Buffer.alloc(MiB)
    let at = 0
    for await (const chunk of open.read(undefined, undefined, {
      take: (length) => memory.subarray(0, length),
    })) {
      expect(chunk.buffer).toBe(memory.buffer)
      expect(chunk.equals(bytes.subarray(at, at + chunk.length))).toBe(true)
      at += chunk.length
    }
    expect(at).toBe(bytes.length)
    open.close()
  })

  test('hands pieces on while it is still fetching: the second host is fed by the first', async () => {
    const bytes = randomContent(2 * MiB)
    const origin = await startOrigin(cleanup, bytes)
    const supernode = await new FakeSupernode().start(cleanup)
    const { task, request } = blobOf(bytes, origin.url)
    const seed = supernode.addSeed(task, bytes)
    const first = await startEngine(cleanup, { supernodes: [supernode.url] })
    const second = await startEngine(cleanup, { supernodes: [supernode.url] })
    await expect.poll(() => supernode.hosts.length).toBe(2)
    const [a] = supernode.hosts
    supernode.plan = (host, seedRef) => ({
      parents: Array.from({ length: 4 }, () => (host === a?.host || a === undefined ? seedRef : a)),
      spares: [],
    })
    const hostOfFirst = supernode.hosts.findIndex(({ url }) =>
      url.endsWith(`:${first.engine.peerPort}`),
    )
    const engines = hostOfFirst === 0 ? [first, second] : [second, first]
    const [one, two] = await Promise.all(engines.map(({ engine }) => fetchAll(engine, request)))
    expect(one?.bytes.equals(bytes)).toBe(true)
    expect(two?.bytes.equals(bytes)).toBe(true)
    expect(two?.snapshot.received).toEqual({ peers: bytes.length, seed: 0, origin: 0 })
    expect(seed.served.length).toBe(32)
  })

  test('without a SuperNode the content comes from the origin, in one request, and what is there is not asked again', async () => {
    const bytes = randomContent(5 * MiB)
    const origin = await startOrigin(cleanup, bytes)
    const { engine } = await startEngine(cleanup, { supernodes: ['http://127.0.0.1:1'] })
    const { request } = blobOf(bytes, origin.url)
    const all = await Promise.all([1, 2, 3].map(() => fetchAll(engine, request)))
    for (const { bytes: got } of all) expect(got.equals(bytes)).toBe(true)
    expect((await fetchAll(engine, request)).bytes.equals(bytes)).toBe(true)
    expect(origin.requests).toHaveLength(1)
    expect(origin.sentBytes).toBe(bytes.length)
  })

  test('a seed that stops midway is replaced by the origin within seconds, nothing read twice', async () => {
    const bytes = randomContent(2 * MiB)
    const origin = await startOrigin(cleanup, bytes)
    const supernode = await new FakeSupernode().start(cleanup)
    const { task, request } = blobOf(bytes, origin.url)
    supernode.addSeed(task, bytes).available = (index) => index < 10
    const { engine } = await startEngine(cleanup, { supernodes: [supernode.url] })
    const started = performance.now()
    const got = await fetchAll(engine, request)
    expect(got.bytes.equals(bytes)).toBe(true)
    expect(got.snapshot.received.seed).toBe(10 * 64 * KiB)
    expect(origin.sentBytes).toBe(bytes.length - 10 * 64 * KiB)
    expect(performance.now() - started).toBeLessThan(6000)
  })

  test('a SuperNode that dies midway does not end the download', async () => {
    const bytes = randomContent(2 * MiB)
    const origin = await startOrigin(cleanup, bytes)
    const supernode = await new FakeSupernode().start(cleanup)
    const { task, request } = blobOf(bytes, origin.url)
    supernode.addSeed(task, bytes).available = (index) => index < 10
    const { engine } = await startEngine(cleanup, { supernodes: [supernode.url] })
    const open = await engine.open(request)
    const reading = readAll(open.read())
    await expect.poll(() => open.snapshot().haveBytes).toBe(10 * 64 * KiB)
    supernode.stop()
    expect((await reading).equals(bytes)).toBe(true)
    open.close()
  })

  test('a host that serves wrong bytes is reported, and its pieces are taken elsewhere', async () => {
    const bytes = randomContent(2 * MiB)
    const origin = await startOrigin(cleanup, bytes)
    const supernode = await new FakeSupernode().start(cleanup)
    const { task, request } = blobOf(bytes, origin.url)
    supernode.addSeed(task, bytes)
    const liar = await new FakeSupernode().start(cleanup)
    liar.addSeed(task, randomContent(2 * MiB), { signAs: bytes })
    supernode.plan = (_host, seed) => ({ parents: [liar.ref, seed, seed, seed], spares: [] })
    const { engine } = await startEngine(cleanup, { supernodes: [supernode.url] })
    const got = await fetchAll(engine, request)
    expect(got.bytes.equals(bytes)).toBe(true)
    expect(got.snapshot.received.peers).toBe(0)
    const kinds = supernode.messages.map(({ type }) => type)
    expect(kinds.includes('bad') || kinds.includes('lost')).toBe(true)
  })

  test('the refusal of an origin reaches the caller with its status and challenge', async () => {
    const bytes = randomContent(1000)
    const origin = await startOrigin(cleanup, bytes)
    origin.intercept = (_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer realm="r"' }).end()
      return true
    }
    const { engine } = await startEngine(cleanup)
    await expect(engine.open(blobOf(bytes, origin.url).request)).rejects.toMatchObject({
      code: 'ORIGIN_UNAUTHORIZED',
      detail: { status: 401, wwwAuthenticate: 'Bearer realm="r"' },
    })
  })

  test('a content with another digest than asked never ends well: its last bytes are kept back', async () => {
    const bytes = randomContent(300 * KiB)
    const wrong = Buffer.from(bytes)
    wrong[5] = (wrong[5] ?? 0) ^ 1
    const origin = await startOrigin(cleanup, wrong)
    const { engine } = await startEngine(cleanup)
    const open = await engine.open(blobOf(bytes, origin.url).request)
    let size = 0
    const read = async () => {
      for await (const chunk of open.read()) size += chunk.length
    }
    await expect(read()).rejects.toMatchObject({ code: 'CONTENT_DIGEST_MISMATCH' })
    expect(size).toBeLessThan(bytes.length)
    open.close()
    origin.bytes = bytes
    expect((await fetchAll(engine, blobOf(bytes, origin.url).request)).bytes.equals(bytes)).toBe(
      true,
    )
  })

  test('a range from the middle comes before the rest, and keeps its last bytes back', async () => {
    const bytes = randomContent(4 * MiB)
    const origin = await startOrigin(cleanup, bytes)
    const { engine } = await startEngine(cleanup)
    const open = await engine.open(blobOf(bytes, origin.url).request)
    const range = { start: 3 * MiB + 5, end: bytes.length }
    expect((await readAll(open.read(range))).equals(bytes.subarray(range.start))).toBe(true)
    open.close()
  })

  test.each([0, 1, 64 * KiB - 1, 64 * KiB, 64 * KiB + 1])('content of %i bytes', async (size) => {
    const bytes = randomContent(size)
    const origin = await startOrigin(cleanup, bytes)
    const { engine } = await startEngine(cleanup)
    const identity = { kind: 'url' as const, canonicalUrl: origin.url }
    const got = await fetchAll(engine, { identity, source: { url: origin.url }, confirm: true })
    expect(got.bytes.equals(bytes)).toBe(true)
  })

  test('an origin that tells no length, and one that knows no ranges', async () => {
    const bytes = randomContent(700 * KiB)
    const origin = await startOrigin(cleanup, bytes)
    const identity = { kind: 'url' as const, canonicalUrl: origin.url }
    for (const headers of [{}, { 'content-length': String(bytes.length) }]) {
      origin.intercept = (_request, response) => {
        response.writeHead(200, headers)
        response.end(bytes)
        return true
      }
      const { engine } = await startEngine(cleanup)
      const got = await fetchAll(engine, { identity, source: { url: origin.url }, confirm: true })
      expect(got.bytes.equals(bytes)).toBe(true)
    }
  })

  test('a URL whose content changed is fetched anew; without the right it is not served though it is here', async () => {
    const before = randomContent(300 * KiB)
    const after = randomContent(300 * KiB)
    const origin = await startOrigin(cleanup, before)
    const { engine } = await startEngine(cleanup)
    const identity = { kind: 'url' as const, canonicalUrl: origin.url }
    const request = { identity, source: { url: origin.url }, confirm: true }
    expect((await fetchAll(engine, request)).bytes.equals(before)).toBe(true)
    origin.bytes = after
    expect((await fetchAll(engine, request)).bytes.equals(after)).toBe(true)
    origin.bytes = Buffer.alloc(0)
    expect((await fetchAll(engine, request)).bytes).toHaveLength(0)
    origin.bytes = after
    expect((await fetchAll(engine, request)).bytes.equals(after)).toBe(true)
    origin.intercept = (_request, response) => {
      response.writeHead(403).end()
      return true
    }
    await expect(engine.open(request)).rejects.toMatchObject({ code: 'ORIGIN_FORBIDDEN' })
  })

  test('a URL whose origin tells nothing of its state is asked for anew each time', async () => {
    const origin = await startOrigin(cleanup, Buffer.alloc(0))
    let now = randomContent(200 * KiB)
    origin.intercept = (_request, response) => {
      response.writeHead(200).end(now)
      return true
    }
    const { engine } = await startEngine(cleanup)
    const identity = { kind: 'url' as const, canonicalUrl: origin.url }
    const request = { identity, source: { url: origin.url }, confirm: true }
    expect((await fetchAll(engine, request)).bytes.equals(now)).toBe(true)
    now = randomContent(200 * KiB)
    expect((await fetchAll(engine, request)).bytes.equals(now)).toBe(true)
  })

  test('a download goes on after a restart with what it has, and tells the SuperNode so', async () => {
    const bytes = randomContent(2 * MiB)
    const origin = await startOrigin(cleanup, bytes)
    const supernode = await new FakeSupernode().start(cleanup)
    const { task, request } = blobOf(bytes, origin.url)
    const seed = supernode.addSeed(task, bytes)
    seed.available = (index) => index < 12
    const before = await startEngine(cleanup, { supernodes: [supernode.url] })
    const open = await before.engine.open(request)
    await expect.poll(() => open.snapshot().haveBytes).toBe(12 * 64 * KiB)
    open.close()
    await before.stop()
    seed.available = () => true
    const after = await startEngine(cleanup, { supernodes: [supernode.url], dir: before.dataDir })
    expect((await fetchAll(after.engine, request)).bytes.equals(bytes)).toBe(true)
    expect(supernode.joins.at(-1)?.have).toMatch(/^32:/)
    expect(new Set(seed.served).size).toBe(seed.served.length)
  })

  test('a whole blob is offered to the swarm again after a restart, and can be fetched from here', async () => {
    const bytes = randomContent(2 * MiB)
    const origin = await startOrigin(cleanup, bytes)
    const supernode = await new FakeSupernode().start(cleanup)
    const { task, request } = blobOf(bytes, origin.url)
    const seed = supernode.addSeed(task, bytes)
    const before = await startEngine(cleanup, { supernodes: [supernode.url] })
    await fetchAll(before.engine, request)
    await before.stop()
    supernode.joins.length = 0
    await startEngine(cleanup, { supernodes: [supernode.url], dir: before.dataDir })
    await expect.poll(() => supernode.joins[0]?.have).toBe('32:all')
    const back = supernode.hosts.at(-1)
    supernode.plan = (_host, seedRef) => ({
      parents: Array.from({ length: 4 }, () => back ?? seedRef),
      spares: [],
    })
    const servedBefore = seed.served.length
    const other = await startEngine(cleanup, { supernodes: [supernode.url] })
    expect((await fetchAll(other.engine, request)).snapshot.received.peers).toBe(bytes.length)
    expect(seed.served.length).toBe(servedBefore)
  })

  test('the size of a blob is known when it is here whole and checked, after a restart too', async () => {
    const bytes = randomContent(2 * MiB)
    const origin = await startOrigin(cleanup, bytes)
    const { task, request } = blobOf(bytes, origin.url)
    const before = await startEngine(cleanup)
    const opened = await before.engine.open(request)
    const whileFetching = before.engine.storedSize(task)
    await opened.finished
    opened.close()
    const whenDone = before.engine.storedSize(task)
    await before.stop()
    const { engine } = await startEngine(cleanup, { dir: before.dataDir })
    const afterRestart = engine.storedSize(task)
    await engine.forget(task)
    expect([whileFetching, whenDone, afterRestart, engine.storedSize(task)]).toEqual([
      undefined,
      bytes.length,
      bytes.length,
      undefined,
    ])
  })

  test('credentials reach the origin and a SuperNode on loopback, and no file', async () => {
    const bytes = randomContent(100 * KiB)
    const origin = await startOrigin(cleanup, bytes)
    const supernode = await new FakeSupernode().start(cleanup)
    const { task, request } = blobOf(bytes, origin.url, { authorization: 'Bearer topsecret' })
    supernode.addSeed(task, bytes)
    const { engine, dataDir, stop } = await startEngine(cleanup, { supernodes: [supernode.url] })
    await fetchAll(engine, request)
    expect(supernode.joins[0]?.source.headers).toEqual({ authorization: 'Bearer topsecret' })
    await stop()
    const files = await readdir(dataDir, { recursive: true, withFileTypes: true })
    for (const file of files.filter((entry) => entry.isFile())) {
      const text = await readFile(join(file.parentPath, file.name), 'latin1')
      expect(text).not.toContain('topsecret')
    }
  })

  test('the limit of a task is held, and lifting it takes effect on the running download', async () => {
    const bytes = randomContent(2 * MiB)
    const origin = await startOrigin(cleanup, bytes)
    const { engine } = await startEngine(cleanup, {
      limits: { downBps: 0, upBps: 0, taskBps: 256 * KiB },
    })
    const open = await engine.open(blobOf(bytes, origin.url).request)
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(open.snapshot().haveBytes).toBeLessThan(600 * KiB)
    engine.setLimits({ taskBps: 0 })
    const lifted = performance.now()
    expect((await readAll(open.read())).equals(bytes)).toBe(true)
    expect(performance.now() - lifted).toBeLessThan(2000)
    open.close()
  })

  test('forgetting a task starts from nothing the next time', async () => {
    const bytes = randomContent(100 * KiB)
    const origin = await startOrigin(cleanup, bytes)
    const { engine } = await startEngine(cleanup)
    const { task, request } = blobOf(bytes, origin.url)
    await fetchAll(engine, request)
    expect(await engine.forget(task)).toBe(true)
    await fetchAll(engine, request)
    expect(origin.sentBytes).toBe(2 * bytes.length)
  })

  test('the finished content can be had as a file', async () => {
    const bytes = randomContent(100 * KiB)
    const origin = await startOrigin(cleanup, bytes)
    const { engine, dataDir } = await startEngine(cleanup)
    const open = await engine.open(blobOf(bytes, origin.url).request)
    await open.finished
    const path = join(dataDir, 'out')
    await open.exportTo(path)
    open.close()
    expect((await readFile(path)).equals(bytes)).toBe(true)
    await expect(writeFile(path, 'x', { flag: 'wx' })).rejects.toThrow('EEXIST')
  })
})
