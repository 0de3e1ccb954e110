import { taskIdOf } from '@df/codec'
import {
  AppError,
  geometryOf,
  type HostId,
  type HostMessage,
  type MessageOf,
  type SupernodeMessage,
  type TaskIdentity,
} from '@df/proto'
import type { SchedulerEvent } from '@df/scheduling'
import type { StoredContent } from '@df/storage'
import { beforeEach, describe, expect, it } from 'vitest'
import type { SeedTask, StartSeed } from '../seed/seed-task.ts'
import { newHostId } from '../test-support/host.ts'
import { blobSample, MiB } from '../test-support/sample.ts'
import type { HostLink } from './host-link.ts'
import { Swarm } from './swarm.ts'

const { identity } = blobSample(1)
const task = taskIdOf(identity)
const geometry = geometryOf(MiB)
const refusal = new AppError('ORIGIN_FORBIDDEN', 'no', { detail: { status: 403 } })

let now = 0
let swarm: Swarm
let seeds: (StartSeed & { reading: boolean; released: boolean; content?: StoredContent })[]
let events: SchedulerEvent[]
let sent: { host: HostId; message: SupernodeMessage }[]

beforeEach(() => {
  now = 0
  seeds = []
  events = []
  sent = []
  swarm = newSwarm(identity)
})

function newSwarm(of: TaskIdentity): Swarm {
  return new Swarm(task, of, {
    schedule: (event) => events.push(event),
    startSeed(_, __, start) {
      const seed = {
        ...start,
        reading: true,
        released: false,
        async release() {
          seed.released = true
        },
      }
      seeds.push(seed)
      return seed as unknown as SeedTask
    },
    send: (host, message) => sent.push({ host, message }),
    ticket: () => `ticket of ${now}`,
    ticketRenewMs: 300_000,
    nowMs: () => now,
    watch: { read() {}, firstByte() {}, stored() {}, failed() {}, complete() {}, rested() {} },
  })
}

function join(
  host: HostId,
  more: Partial<MessageOf<HostMessage, 'join'>> = {},
  authorization?: string,
): void {
  const link = { host, send() {} } as unknown as HostLink
  const headers = authorization === undefined ? {} : { headers: { authorization } }
  const source = { url: 'http://origin.test/blob?secret', ...headers }
  swarm.join(link, { type: 'join', task, identity, source, ...more })
}

function know(generation = ''): void {
  const meta = { task, identity, url: '', geometry, generation }
  seeds.at(-1)?.events.content({ meta, onPiece: () => () => {} } as unknown as StoredContent)
}

function complete(): void {
  const seed = seeds.at(-1)
  if (seed === undefined) return
  seed.reading = false
  seed.events.complete()
}

const all = { geometry, have: '16:all' }
const messagesTo = (host: HostId) =>
  sent.filter((one) => one.host === host).map(({ message }) => message)
const eventTypes = () => events.map(({ type }) => type)

describe('a swarm', () => {
  it('starts one seed for all, and lets hosts in when the content is known', () => {
    const [one, two] = [newHostId(), newHostId()]
    join(one)
    join(two)
    expect(seeds).toHaveLength(1)
    expect(sent).toEqual([])
    know()
    expect(messagesTo(one)).toMatchObject([{ type: 'task', geometry, ticket: 'ticket of 0' }])
    expect(eventTypes()).toEqual(['join', 'join', 'task-ready'])
    expect(swarm.url).toBe('http://origin.test/blob')
    expect(swarm.state).toBe('seeding')
  })

  it('counts what a host brings, of the same geometry only', () => {
    join(newHostId(), { geometry, have: '16:gAA' })
    join(newHostId(), { geometry: { ...geometry, pieceSize: 128 * 1024 }, have: '8:all' })
    know()
    expect(events.slice(0, 2)).toMatchObject([{ have: 1 }, { have: 0 }])
  })

  it('starts no seed for hosts that have all of it, until one comes that has not', () => {
    join(newHostId(), all)
    expect(seeds).toHaveLength(0)
    expect(swarm.state).toBe('idle')
    join(newHostId())
    expect(seeds).toHaveLength(1)
  })

  it('gives the copy free when all hosts have it, and holds it again for the next', () => {
    const host = newHostId()
    join(host)
    know()
    complete()
    expect(swarm.state).toBe('complete')
    expect(seeds[0]?.released).toBe(false)
    swarm.progress(host, {
      type: 'progress',
      task,
      have: '16:all',
      received: { peers: 0, seed: MiB, origin: 0 },
    })
    now = 1000
    swarm.tick()
    expect(seeds[0]?.released).toBe(true)
    expect(swarm.state).toBe('complete')
    join(newHostId())
    expect(seeds).toHaveLength(2)
    know()
    expect(eventTypes()).toEqual(['join', 'task-ready', 'progress', 'join'])
  })

  it('tells those of a refused source, and forgets them', () => {
    const [refused, other] = [newHostId(), newHostId()]
    join(refused, {}, 'a')
    join(other, {}, 'b')
    const first = seeds[0]?.nextSource(() => true)
    seeds[0]?.events.refused(first?.key ?? '', refusal)
    expect(messagesTo(refused)).toMatchObject([
      { type: 'failed', code: 'ORIGIN_FORBIDDEN', status: 403 },
    ])
    expect(messagesTo(other)).toEqual([])
    expect([...swarm.members.keys()]).toEqual([other])
    expect(seeds[0]?.nextSource(({ key }) => key !== first?.key)?.source.headers).toEqual({
      authorization: 'b',
    })
  })

  it('remembers a refusal for a moment', () => {
    join(newHostId(), {}, 'a')
    const key = seeds[0]?.nextSource(() => true)?.key ?? ''
    seeds[0]?.events.refused(key, refusal)
    seeds[0]?.events.failed(refusal, refusal)
    const again = newHostId()
    join(again, {}, 'a')
    expect(messagesTo(again)).toMatchObject([{ type: 'failed' }])
    expect(seeds).toHaveLength(1)
    join(newHostId(), {}, 'b')
    expect(seeds).toHaveLength(2)
    seeds[1]?.events.failed(refusal, refusal)
    now = 1500
    join(newHostId(), {}, 'a')
    expect(seeds).toHaveLength(3)
  })

  it('fails for all its hosts at once, and begins anew with the next', () => {
    const hosts = [newHostId(), newHostId()]
    for (const host of hosts) join(host)
    know()
    const full = new AppError('DISK_FULL', 'no room')
    seeds[0]?.events.failed(full, full)
    for (const host of hosts) {
      expect(messagesTo(host).at(-1)).toMatchObject({ type: 'failed', code: 'DISK_FULL' })
    }
    expect(swarm.state).toBe('failed')
    expect(eventTypes().at(-1)).toBe('task-gone')
    expect(seeds[0]?.released).toBe(true)
    join(newHostId())
    expect(swarm.state).toBe('seeding')
  })

  it('starts over when the content is another', () => {
    const host = newHostId()
    join(host)
    know('aa')
    know('bb')
    expect(eventTypes()).toEqual(['join', 'task-ready', 'task-gone', 'join', 'task-ready'])
    expect(messagesTo(host)).toMatchObject([{ generation: 'aa' }, { generation: 'bb' }])
  })

  it('lets those go that have the content as it was before', () => {
    const [done, waiting] = [newHostId(), newHostId()]
    join(done, { ...all, generation: 'aa' })
    join(waiting)
    know('aa')
    know('bb')
    expect([...swarm.members.keys()]).toEqual([waiting])
  })

  it('does not count what a host holds of another generation', () => {
    join(newHostId(), { ...all, generation: 'aa' })
    join(newHostId())
    know('bb')
    expect(events.filter(({ type }) => type === 'join')).toMatchObject([{ have: 0 }, { have: 0 }])
  })

  it('lets the seed go on for half a minute when nobody waits any more, then forgets the task', () => {
    const host = newHostId()
    join(host)
    know()
    swarm.tick()
    swarm.leave(host)
    now = 29_000
    expect(swarm.tick()).toBe(true)
    expect(seeds[0]?.released).toBe(false)
    now = 30_000
    expect(swarm.tick()).toBe(true)
    expect(seeds[0]?.released).toBe(true)
    now = 60_000
    expect(swarm.tick()).toBe(false)
  })

  it('renews tickets at half their life', () => {
    const host = newHostId()
    join(host)
    know()
    now = 299_000
    swarm.tick()
    expect(messagesTo(host)).toHaveLength(1)
    now = 300_000
    swarm.tick()
    expect(messagesTo(host).at(-1)).toMatchObject({ type: 'task', ticket: 'ticket of 300000' })
  })

  it('lets a host go that came back without the task', () => {
    const [back, gone] = [newHostId(), newHostId()]
    for (const host of [back, gone]) join(host)
    know()
    for (const host of [back, gone]) swarm.unconfirm(host)
    join(back, { geometry, have: '16:gAA' })
    for (const host of [back, gone]) swarm.leaveUnlessConfirmed(host)
    expect([...swarm.members.keys()]).toEqual([back])
    expect(events.slice(-2)).toMatchObject([
      { type: 'join', host: back, have: 1 },
      { type: 'leave', host: gone },
    ])
  })

  it('refuses progress that does not fit, and ignores that of strangers', () => {
    const host = newHostId()
    join(host)
    know()
    const received = { peers: 0, seed: 0, origin: 0 }
    expect(() => swarm.progress(host, { type: 'progress', task, have: '9:all', received })).toThrow(
      'malformed bitfield',
    )
    swarm.progress(newHostId(), { type: 'progress', task, have: '9:all', received })
    swarm.lost(newHostId(), host)
    swarm.bad(newHostId(), host, 0)
    swarm.slow(newHostId(), { type: 'slow', task, child: host, stripe: 0, share: 0.5 })
    expect(eventTypes()).toEqual(['join', 'task-ready'])
  })

  it('passes on who takes its pieces slower than others', () => {
    const host = newHostId()
    const child = newHostId()
    join(host)
    know()
    swarm.slow(host, { type: 'slow', task, child, stripe: 2, share: 0.4 })
    expect(events.at(-1)).toEqual({ type: 'slow', host, task, child, stripe: 2, share: 0.4 })
  })
})

describe('a wish of the SuperNode itself', () => {
  const source = { url: 'http://origin.test/blob', headers: { authorization: 'mine' } }
  const outcome = (finished: Promise<void>) =>
    finished.then(
      () => 'complete',
      ({ code }: AppError) => code,
    )

  it('has the content read without any host, and lets go of it when it is complete', async () => {
    const wish = swarm.want(source)
    expect(seeds).toHaveLength(1)
    expect(seeds[0]?.nextSource(() => true)?.source).toEqual(source)
    know()
    expect(wish.geometry).toEqual(geometry)
    now = 100_000
    swarm.tick()
    expect(seeds[0]?.released).toBe(false)
    complete()
    expect(await outcome(wish.finished)).toBe('complete')
    now = 101_000
    swarm.tick()
    expect(seeds[0]?.released).toBe(true)
  })

  it('shares the seed with the hosts', async () => {
    join(newHostId())
    const wish = swarm.want(source)
    expect(seeds).toHaveLength(1)
    know()
    complete()
    expect(await outcome(wish.finished)).toBe('complete')
  })

  it('is fulfilled at once by a blob that is held complete', async () => {
    join(newHostId())
    know()
    complete()
    expect(await outcome(swarm.want(source).finished)).toBe('complete')
    expect(seeds).toHaveLength(1)
  })

  it('asks the origin again for a content without digest', () => {
    const url = { kind: 'url', canonicalUrl: 'http://origin.test/file' } as const
    swarm = newSwarm(url)
    join(newHostId())
    know('aa')
    complete()
    swarm.want(source)
    expect(seeds).toHaveLength(2)
  })

  it('hears the refusal of its own source, and not that of another', async () => {
    const wish = swarm.want(source)
    const other = swarm.want({ url: source.url })
    const key = seeds[0]?.nextSource(() => true)?.key ?? ''
    seeds[0]?.events.refused(key, refusal)
    expect(await outcome(wish.finished)).toBe('ORIGIN_FORBIDDEN')
    expect(seeds[0]?.nextSource(() => true)?.source).toEqual({ url: source.url })
    const full = new AppError('DISK_FULL', 'no room')
    seeds[0]?.events.failed(full, full)
    expect(await outcome(other.finished)).toBe('DISK_FULL')
  })

  it('ends with the task', async () => {
    const wish = swarm.want(source)
    await swarm.close(new AppError('TASK_DELETED', 'an operator deleted the task'))
    expect(await outcome(wish.finished)).toBe('TASK_DELETED')
  })

  it('that is released lets the seed stop', async () => {
    const wish = swarm.want(source)
    know()
    swarm.tick()
    wish.release()
    expect(await outcome(wish.finished)).toBe('TASK_DELETED')
    now = 30_000
    swarm.tick()
    expect(seeds[0]?.released).toBe(true)
  })
})
