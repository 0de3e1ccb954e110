import { taskIdOf } from '@df/codec'
import { AppError, type HostId, type SupernodeMessage } from '@df/proto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { HostLink } from '../swarm/host-link.ts'
import { newHostId } from '../test-support/host.ts'
import { blobSample } from '../test-support/sample.ts'
import { Orders } from './orders.ts'

const { identity } = blobSample(1)
const task = taskIdOf(identity)
const host = newHostId()
const source = { url: 'http://r.test/x', headers: { authorization: 'secret' } }
let sent: SupernodeMessage[]
let links: Map<HostId, HostLink>
let pieces: number
let orders: Orders
let abort: AbortController

beforeEach(() => {
  vi.useFakeTimers()
  sent = []
  links = new Map()
  pieces = 0
  abort = new AbortController()
  orders = new Orders({ link: (one) => links.get(one), pieces: () => pieces })
  orders.start()
})
afterEach(() => {
  orders.stop()
  vi.useRealTimers()
})

function connect(secure = true): HostLink {
  const send = (message: SupernodeMessage) => sent.push(message)
  const link = { host, labels: {}, secure, send } as unknown as HostLink
  links.set(host, link)
  orders.connected(link)
  return link
}

const place = () =>
  orders.place({ id: 'one', host, task, identity, source, signal: abort.signal }).then(
    () => 'complete',
    (error: AppError) => error.code,
  )

describe('an order', () => {
  it('goes to a host that comes later, again with each session, and ends with its answer', async () => {
    const outcome = place()
    expect(sent).toEqual([])
    connect()
    connect()
    expect(sent).toHaveLength(2)
    expect(sent[0]).toEqual({ type: 'fetch', task, order: 'one', identity, source })
    orders.fetched(host, { type: 'fetched', task, order: 'another', state: 'complete' })
    orders.fetched(host, { type: 'fetched', task, order: 'one', state: 'complete' })
    expect(await outcome).toBe('complete')
    connect()
    expect(sent).toHaveLength(2)
  })

  it('has no credentials on a plain link', () => {
    connect(false)
    void place()
    expect(JSON.stringify(sent)).not.toContain('secret')
  })

  it('fails with what the host says', async () => {
    connect()
    const outcome = place()
    orders.fetched(host, {
      type: 'fetched',
      task,
      order: 'one',
      state: 'failed',
      code: 'DISK_FULL',
    })
    expect(await outcome).toBe('DISK_FULL')
  })

  it('fails when its host stays away for a minute, not when it comes back', async () => {
    connect()
    const outcome = place()
    orders.down(host)
    vi.advanceTimersByTime(59_000)
    connect()
    vi.advanceTimersByTime(60_000)
    orders.down(host)
    vi.advanceTimersByTime(60_000)
    expect(await outcome).toBe('PARENT_FAILED')
  })

  it('fails when the host gets nowhere for ten minutes', async () => {
    connect()
    const outcome = place()
    vi.advanceTimersByTime(9 * 60_000)
    pieces = 1
    vi.advanceTimersByTime(9 * 60_000)
    expect(await Promise.race([outcome, Promise.resolve('open')])).toBe('open')
    vi.advanceTimersByTime(2 * 60_000)
    expect(await outcome).toBe('TIMEOUT')
  })

  it('that is cancelled is forgotten by the host, but not when the SuperNode ends', async () => {
    connect()
    const outcome = place()
    abort.abort(new AppError('TASK_DELETED', 'cancelled'))
    expect(await outcome).toBe('TASK_DELETED')
    expect(sent.at(-1)).toEqual({ type: 'forget-order', task, order: 'one' })
    abort = new AbortController()
    const second = place()
    orders.stop()
    abort.abort(new AppError('SUPERNODE_UNREACHABLE', 'ends'))
    expect(await second).toBe('SUPERNODE_UNREACHABLE')
    expect(sent.at(-1)).toMatchObject({ type: 'fetch' })
  })
})
