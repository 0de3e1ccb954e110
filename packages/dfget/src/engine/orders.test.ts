import { taskIdOf } from '@df/codec'
import type { HostId } from '@df/proto'
import { afterEach, describe, expect, test } from 'vitest'
import type { Order } from '../session/order-taker.ts'
import { digestOf, FakeSupernode, startEngine } from './test-support.ts'

const undos: (() => unknown)[] = []
const cleanup = (undo: () => unknown) => undos.push(undo)
afterEach(async () => {
  for (const undo of undos.splice(0).reverse()) await undo()
})

const identity = { kind: 'blob' as const, digest: digestOf(Buffer.from('x')) }
const order: Order = {
  type: 'fetch',
  task: taskIdOf(identity),
  order: 'one',
  identity,
  source: { url: 'http://registry.test/v2/a/blobs/x' },
}

async function hostOf(supernode: FakeSupernode): Promise<HostId> {
  await expect.poll(() => supernode.hosts).toHaveLength(1)
  return supernode.hosts[0]?.host as HostId
}

describe('orders of a SuperNode', () => {
  test('reach who takes them, and the answer goes back on the same session', async () => {
    const supernode = await new FakeSupernode().start(cleanup)
    const orders: Order[] = []
    await startEngine(cleanup, {
      supernodes: [supernode.url],
      orders: {
        labels: { zone: 'a' },
        receive(received, answer) {
          orders.push(received)
          answer({ task: received.task, order: received.order, state: 'complete' })
        },
      },
    })
    const host = await hostOf(supernode)
    expect(supernode.messages[0]).toMatchObject({ type: 'hello', labels: { zone: 'a' } })
    const forget: Order = { type: 'forget-order', task: order.task, order: 'one' }
    supernode.send(host, order, forget)
    await expect.poll(() => orders).toEqual([order, forget])
    await expect
      .poll(() => supernode.messages.filter(({ type }) => type === 'fetched'))
      .toEqual(
        Array(2).fill({ type: 'fetched', task: order.task, order: 'one', state: 'complete' }),
      )
  })

  test('are not asked for by a host that takes none, and ignored', async () => {
    const supernode = await new FakeSupernode().start(cleanup)
    await startEngine(cleanup, { supernodes: [supernode.url] })
    const host = await hostOf(supernode)
    expect(supernode.messages[0]).not.toHaveProperty('labels')
    supernode.send(host, order)
    supernode.send(host, { ...order, order: 'two' })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(supernode.messages).toHaveLength(1)
  })
})
