import { taskIdOf } from '@df/codec'
import type { Order, OrderAnswer } from '@df/dfget'
import { silentLogger } from '@df/kit'
import { AppError } from '@df/proto'
import { describe, expect, it } from 'vitest'
import { FakeEngine } from '../test-support/fake-engine.ts'
import { bytesOf, sha256 } from '../test-support/mirror.ts'
import { OrderBook, type OrderOutcome } from './order-book.ts'

type Fetch = Extract<Order, { type: 'fetch' }>

function bench(parallel = 2) {
  const engine = new FakeEngine()
  const outcomes: OrderOutcome[] = []
  const answers: OrderAnswer[] = []
  const book = new OrderBook({
    labels: { zone: 'a' },
    parallel,
    engine,
    logger: silentLogger(),
    onEnded: (outcome) => outcomes.push(outcome),
  })
  const receive = (order: Order) => book.receive(order, (answer) => answers.push(answer))
  return { engine, book, outcomes, answers, receive }
}

function fetchOf(name: string, order = 'job-1'): { order: Fetch; content: Buffer } {
  const content = bytesOf(name, 1000)
  const identity = { kind: 'blob' as const, digest: sha256(content) }
  const source = { url: `https://r.lan/v2/app/blobs/${identity.digest}` }
  return { order: { type: 'fetch', task: taskIdOf(identity), order, identity, source }, content }
}

const forget = ({ task, order }: Fetch): Order => ({ type: 'forget-order', task, order })

describe('an order', () => {
  it('is fetched from the swarm alone, without reading, and answered', async () => {
    const { engine, answers, outcomes, receive } = bench()
    const { order, content } = fetchOf('a')
    engine.put(order.identity, content)
    receive(order)
    await expect
      .poll(() => answers)
      .toEqual([{ task: order.task, order: 'job-1', state: 'complete' }])
    expect(engine.opened).toMatchObject([{ source: order.source, pattern: 'swarm' }])
    expect([engine.readBytes, engine.openHandles]).toEqual([0, 0])
    expect(outcomes).toEqual(['complete'])
  })

  it('that comes again, or for another job, is carried out once and answered to all, on the newest session', async () => {
    const { engine, answers, book, receive } = bench()
    const { order, content } = fetchOf('a')
    engine.put(order.identity, content)
    const old: OrderAnswer[] = []
    book.receive(order, (answer) => old.push(answer))
    receive(order)
    receive({ ...order, order: 'job-2' })
    await expect.poll(() => answers.map(({ order: name }) => name)).toEqual(['job-1', 'job-2'])
    expect(engine.opened).toHaveLength(1)
    expect(old).toEqual([])
  })

  it('that was carried out is answered again when it is asked for again', async () => {
    const { engine, answers, receive } = bench()
    const { order, content } = fetchOf('a')
    engine.put(order.identity, content)
    receive(order)
    await expect.poll(() => answers).toHaveLength(1)
    receive(order)
    await expect.poll(() => answers).toHaveLength(2)
  })

  it('that cannot be carried out is answered with the reason', async () => {
    const { engine, answers, outcomes, receive } = bench()
    engine.behaviour.openError = new AppError('DISK_FULL', 'the content is larger than the quota')
    const { order } = fetchOf('a')
    receive(order)
    await expect
      .poll(() => answers)
      .toEqual([
        {
          task: order.task,
          order: 'job-1',
          state: 'failed',
          code: 'DISK_FULL',
          message: 'the content is larger than the quota',
        },
      ])
    expect(outcomes).toEqual(['failed'])
  })

  it('whose task is not that of its content is refused', async () => {
    const { engine, answers, receive } = bench()
    const { order } = fetchOf('a')
    receive({ ...order, task: fetchOf('b').order.task })
    await expect.poll(() => answers).toMatchObject([{ state: 'failed', code: 'REQUEST_INVALID' }])
    expect(engine.opened).toEqual([])
  })

  it('waits for its turn', async () => {
    const { engine, answers, receive } = bench(2)
    engine.behaviour.openHangs = true
    const [first, second, third] = ['a', 'b', 'c'].map((name) => fetchOf(name))
    for (const each of [first, second, third]) if (each !== undefined) receive(each.order)
    await expect.poll(() => engine.opened).toHaveLength(2)
    expect(answers).toEqual([])
  })
})

describe('an order that is forgotten', () => {
  it('is ended while it is opened, and unanswered; the next one takes its turn', async () => {
    const { engine, answers, outcomes, receive } = bench(1)
    engine.behaviour.openHangs = true
    const [one, two] = [fetchOf('a'), fetchOf('b')]
    engine.put(two.order.identity, two.content)
    receive(one.order)
    receive(two.order)
    await expect.poll(() => engine.opened).toHaveLength(1)
    engine.behaviour.openHangs = false
    receive(forget(one.order))
    expect(engine.opened[0]?.signal?.aborted).toBe(true)
    await expect.poll(() => answers).toMatchObject([{ task: two.order.task, state: 'complete' }])
    expect(outcomes).toEqual(['forgotten', 'complete'])
  })

  it('goes on for the other orders of the content', async () => {
    const { engine, answers, receive } = bench()
    const { order, content } = fetchOf('a')
    engine.put(order.identity, content)
    receive(order)
    receive({ ...order, order: 'job-2' })
    receive(forget(order))
    await expect.poll(() => answers).toMatchObject([{ order: 'job-2', state: 'complete' }])
  })

  it('that is not known is nothing', () => {
    const { receive, outcomes } = bench()
    receive(forget(fetchOf('a').order))
    expect(outcomes).toEqual([])
  })

  it('and comes again at once is carried out anew', async () => {
    const { engine, answers, receive } = bench()
    engine.behaviour.openHangs = true
    const { order, content } = fetchOf('a')
    engine.put(order.identity, content)
    receive(order)
    receive(forget(order))
    engine.behaviour.openHangs = false
    receive(order)
    await expect.poll(() => answers).toMatchObject([{ state: 'complete' }])
    expect(engine.opened).toHaveLength(2)
  })
})

it('a stop answers nothing: a SuperNode that hears of a failure would not order again', async () => {
  const { engine, answers, book, receive } = bench(1)
  engine.behaviour.openHangs = true
  receive(fetchOf('a').order)
  receive(fetchOf('b').order)
  await expect.poll(() => engine.opened).toHaveLength(1)
  book.stop()
  expect(engine.opened[0]?.signal?.aborted).toBe(true)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(answers).toEqual([])
  expect(engine.opened).toHaveLength(1)
})
