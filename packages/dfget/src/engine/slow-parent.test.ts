import { taskIdOf } from '@df/codec'
import { afterEach, expect, test } from 'vitest'
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

test('a parent whose stripe falls behind the others is reported to the SuperNode', async () => {
  const bytes = randomContent(8 * 1024 * 1024)
  const origin = await startOrigin(cleanup, bytes)
  const supernode = await new FakeSupernode().start(cleanup)
  const identity = { kind: 'blob' as const, digest: digestOf(bytes) }
  const task = taskIdOf(identity)
  supernode.addSeed(task, bytes)
  const request = { identity, source: { url: origin.url } }
  const supernodes = [supernode.url]
  const slow = await startEngine(cleanup, {
    supernodes,
    limits: { downBps: 0, upBps: 100_000, taskBps: 0 },
  })
  const whole = await slow.engine.open(request)
  await readAll(whole.read())
  whole.close()
  const [slowRef] = supernode.hosts
  if (slowRef === undefined) throw new Error('the first host said hello')
  supernode.plan = (_host, seed) => ({ parents: [seed, seed, slowRef, seed], spares: [] })
  const host = await startEngine(cleanup, {
    supernodes,
    limits: { downBps: 2_000_000, upBps: 0, taskBps: 0 },
  })
  const open = await host.engine.open(request)
  await expect
    .poll(() => supernode.messages.find(({ type }) => type === 'slow'), { timeout: 5000 })
    .toEqual({ type: 'slow', task, parent: slowRef.host, stripe: 2 })
  open.close()
})
