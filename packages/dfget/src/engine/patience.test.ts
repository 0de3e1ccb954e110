import { taskIdOf } from '@df/codec'
import { afterEach, describe, expect, test } from 'vitest'
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

const MiB = 1024 * 1024
const soon = () => new Promise((resolve) => setTimeout(resolve, 300))

/** A blob at an origin and in a swarm, and one who wants it from the swarm alone. */
async function patientBench() {
  const bytes = randomContent(3 * MiB + 7)
  const origin = await startOrigin(cleanup, bytes)
  const supernode = await new FakeSupernode().start(cleanup)
  const identity = { kind: 'blob' as const, digest: digestOf(bytes) }
  const task = taskIdOf(identity)
  const seed = supernode.addSeed(task, bytes)
  const { engine, dataDir, stop } = await startEngine(cleanup, { supernodes: [supernode.url] })
  const request = { identity, source: { url: origin.url } }
  const left = () => supernode.messages.filter(({ type }) => type === 'leave').length
  return { bytes, origin, supernode, task, seed, engine, dataDir, stop, request, left }
}

describe('a content wanted from the swarm alone', () => {
  test('comes from there', async () => {
    const { engine, request, bytes, origin } = await patientBench()
    const open = await engine.open({ ...request, pattern: 'swarm' })
    expect(await open.finished).toMatchObject({ state: 'complete', haveBytes: bytes.length })
    open.close()
    expect(origin.requests).toEqual([])
  })

  test('waits while the SuperNode is away, and goes on when it is back', async () => {
    const { engine, request, bytes, origin, supernode, seed } = await patientBench()
    seed.available = (index) => index < 20
    const open = await engine.open({ ...request, pattern: 'swarm' })
    await expect.poll(() => open.snapshot().haveBytes).toBeGreaterThan(MiB)
    supernode.stop()
    await soon()
    await supernode.start(cleanup)
    await expect.poll(() => supernode.joins).toHaveLength(2)
    seed.available = () => true
    expect(await open.finished).toMatchObject({
      state: 'complete',
      received: { seed: bytes.length },
    })
    expect(supernode.joins.at(-1)).toMatchObject({ have: expect.stringMatching(/^49:/) })
    expect(origin.requests).toEqual([])
    open.close()
  })

  test('fails with what the SuperNode says', async () => {
    const { engine, request, origin, supernode, task } = await patientBench()
    supernode.onJoin = () => [
      { type: 'failed', task, code: 'ORIGIN_UNAUTHORIZED', message: 'who are you?', status: 401 },
    ]
    await expect(engine.open({ ...request, pattern: 'swarm' })).rejects.toMatchObject({
      code: 'ORIGIN_UNAUTHORIZED',
      message: 'who are you?',
    })
    expect(origin.requests).toEqual([])
  })

  test('is for an engine too, who does not wait that long', async () => {
    const { engine, request, bytes, origin, seed } = await patientBench()
    seed.available = () => false
    const order = await engine.open({ ...request, pattern: 'swarm' })
    const pull = await engine.open(request)
    expect((await readAll(pull.read())).equals(bytes)).toBe(true)
    expect(origin.sentBytes).toBe(bytes.length)
    expect(await order.finished).toMatchObject({ state: 'complete' })
    pull.close()
    order.close()
  })

  test('keeps the credentials of the engine that waits, not those of the order', async () => {
    const { engine, request, origin, seed } = await patientBench()
    seed.available = () => false
    const headers = { authorization: 'Bearer of-the-engine' }
    const pull = await engine.open({ ...request, source: { ...request.source, headers } })
    const order = await engine.open({ ...request, pattern: 'swarm' })
    await readAll(pull.read())
    expect(origin.requests.map(({ authorization }) => authorization)).toContain(
      headers.authorization,
    )
    pull.close()
    order.close()
  })

  test('is given up with the last who wants it; what came stays', async () => {
    const { engine, request, seed, left } = await patientBench()
    seed.available = (index) => index < 20
    const open = await engine.open({ ...request, pattern: 'swarm' })
    await expect.poll(() => open.snapshot().haveBytes).toBeGreaterThan(MiB)
    open.close()
    expect(left()).toBe(0)
    await expect.poll(left).toBe(1)
    expect(engine.tasks()).toMatchObject([{ state: 'failed' }])
    seed.served.length = 0
    seed.available = () => true
    const again = await engine.open({ ...request, pattern: 'swarm' })
    await again.finished
    expect(new Set(seed.served).size).toBeLessThan(40)
    again.close()
  })

  test('is not given up while an engine reads it', async () => {
    const { engine, request, bytes, seed } = await patientBench()
    seed.available = (index) => index < 20
    const order = await engine.open({ ...request, pattern: 'swarm' })
    const pull = await engine.open(request)
    order.close()
    seed.available = () => true
    expect((await readAll(pull.read())).equals(bytes)).toBe(true)
    pull.close()
  })

  test('is given up while its length is unknown, when the wish ends', async () => {
    const { engine, request, supernode, left } = await patientBench()
    supernode.onJoin = () => []
    const stop = new AbortController()
    const opening = engine.open({ ...request, pattern: 'swarm', signal: stop.signal })
    opening.catch(() => {})
    await expect.poll(() => supernode.joins).toHaveLength(1)
    stop.abort(new Error('enough'))
    await expect(opening).rejects.toThrow('enough')
    await expect.poll(left).toBe(1)
  })
})
