import type { TaskId } from '@df/proto'
import { describe, expect, it } from 'vitest'
import { Bench, hostId, plannedHosts, taskId } from './test-support/model.ts'

describe('joining', () => {
  it('answers the first host of a ready task at once, with the seed for every stripe', () => {
    const bench = new Bench()
    bench.ready()
    expect(bench.join(0)).toEqual([
      {
        type: 'plan',
        host: hostId(0),
        task: taskId,
        parents: ['seed', 'seed', 'seed', 'seed'],
        spares: [],
      },
    ])
  })

  it('gathers joins within 5 ms of a placement and places them together', () => {
    const bench = new Bench()
    bench.ready()
    bench.join(0)
    bench.now = 1
    expect(bench.join(1)).toEqual([{ type: 'wake', at: 5 }])
    bench.now = 4
    expect(bench.join(2)).toEqual([])
    expect(new Set(plannedHosts(bench.pass(1)))).toEqual(new Set([0, 1, 2]))
  })

  it('does not wait for a tick that is late', () => {
    const bench = new Bench()
    bench.ready()
    bench.join(0)
    bench.join(1)
    bench.now = 9
    expect(plannedHosts(bench.join(2))).toEqual(expect.arrayContaining([1, 2]))
  })

  it('answers a join after a quiet time at once', () => {
    const bench = new Bench().swarm(3)
    bench.now = 5
    expect(plannedHosts(bench.join(3))).toContain(3)
  })

  it('keeps joins that come before the task is ready', () => {
    const bench = new Bench()
    expect(bench.join(0)).toEqual([])
    expect(bench.join(1)).toEqual([])
    expect(plannedHosts(bench.ready())).toEqual([0, 1])
  })

  it('sends the plan again to a host that joins again', () => {
    const bench = new Bench().swarm(5)
    const before = bench.plans.get(hostId(3))
    const answer = bench.join(3)
    expect(plannedHosts(answer)).toEqual([3])
    expect(bench.plans.get(hostId(3))).toEqual(before)
  })

  it('takes a host that comes back with less than it had for a new one', () => {
    const bench = new Bench().swarm(40)
    for (let host = 0; host < 40; host++) bench.progress(host, 900)
    expect(bench.peer(0).children).toBe(4)
    bench.join(0, 0)
    bench.pass(5)
    expect(bench.peer(0)).toMatchObject({ have: 0, children: 0 })
    expect(bench.plans.get(hostId(0))?.parents).toEqual(bench.peer(0).parents)
  })

  it('gives a host that has everything a plan on its joins, and none after', () => {
    const bench = new Bench().swarm(6)
    expect(plannedHosts(bench.progress(2, 1000))).not.toContain(2)
    expect(bench.peer(2)).toMatchObject({ complete: true, parents: [] })
    const again = bench.join(2, 1000)
    expect(again).toEqual([
      { type: 'plan', host: hostId(2), task: taskId, parents: Array(4).fill('seed'), spares: [] },
    ])
    bench.leave(3)
    expect(plannedHosts(bench.leave(4))).not.toContain(2)
  })

  it('serves content of no piece and of one stripe', () => {
    const empty = new Bench().swarm(3, { stripes: 1, pieces: 0 })
    expect(empty.peers().every(({ complete }) => complete)).toBe(true)
    expect(empty.plans.size).toBe(3)
    const small = new Bench().swarm(30, { stripes: 1, pieces: 3 })
    expect(small.childrenIn(0, 'seed')).toHaveLength(1)
    expect(small.maxDepth()).toBeLessThanOrEqual(4)
  })
})

it('does not believe that a host has less than it said, unless it joins again', () => {
  const bench = new Bench().swarm(2)
  bench.progress(0, 50)
  bench.progress(0, 40)
  expect(bench.peer(0).have).toBe(50)
})

describe('plans', () => {
  it('are not sent when nothing changed', () => {
    const bench = new Bench().swarm(20)
    expect(bench.progress(7, 10)).toEqual([])
    expect(bench.ready()).toEqual([])
  })

  it('are sent only to hosts whose plan changed', () => {
    const bench = new Bench().swarm(200)
    const leaf = bench.peers().findLast(({ children }) => children === 0)
    const gone = Number.parseInt(leaf?.host ?? '', 16)
    const users = [...bench.plans].filter(([, { spares }]) => spares.includes(hostId(gone)))
    expect(plannedHosts(bench.leave(gone)).length).toBeLessThanOrEqual(users.length + 2)
  })
})

describe('leaving', () => {
  it('gives the children of a host that leaves other parents', () => {
    const bench = new Bench().swarm(50)
    bench.leave(0)
    expect(bench.peers().flatMap(({ parents }) => parents)).not.toContain(hostId(0))
  })

  it('takes a host that is down out of all its tasks', () => {
    const bench = new Bench().swarm(3)
    const other = 'b'.repeat(64) as TaskId
    bench.send({ type: 'task-ready', task: other, stripes: 4, pieces: 10 })
    bench.send({ type: 'join', host: hostId(0), task: other, have: 10 })
    bench.send({ type: 'host-down', host: hostId(0) })
    expect(bench.state.tasks.get(other)?.members.size).toBe(0)
    expect(bench.peers()).toHaveLength(2)
    expect(bench.state.hosts.has(hostId(0))).toBe(false)
  })

  it('forgets a host that leaves before its plan', () => {
    const bench = new Bench()
    bench.join(0)
    bench.leave(0)
    expect(bench.state.tasks.size).toBe(0)
    bench.ready()
    bench.join(1)
    bench.join(2)
    bench.leave(2)
    expect(plannedHosts(bench.pass(10))).toEqual([])
  })

  it('sends no plan to a host that joined again and left before the task was ready', () => {
    const bench = new Bench()
    bench.join(0)
    bench.join(1)
    bench.join(1)
    bench.leave(1)
    expect(plannedHosts(bench.ready())).toEqual([0])
  })

  it('forgets a task that is gone, and knows nothing of it when it comes again', () => {
    const bench = new Bench().swarm(8)
    bench.bad(1, 2)
    bench.send({ type: 'task-gone', task: taskId })
    expect(bench.state).toMatchObject({ tasks: new Map(), hosts: new Map(), timed: new Set() })
    expect(bench.progress(1, 5)).toEqual([])
    bench.swarm(8)
    expect(bench.peer(2).banned).toBe(false)
  })
})

describe('a task that becomes ready with other content', () => {
  it('places all its hosts anew, and what they had does not count', () => {
    const bench = new Bench().swarm(9)
    for (let host = 0; host < 9; host++) bench.progress(host, host * 125)
    bench.plans.clear()
    bench.ready(4, 2000)
    expect(bench.plans.size).toBe(9)
    expect(bench.peers().every(({ have, complete }) => have === 0 && !complete)).toBe(true)
  })
})

describe('time', () => {
  it('asks for one tick at a time, and again when it comes too early', () => {
    const bench = new Bench()
    bench.ready()
    bench.join(0)
    bench.join(1)
    bench.now = 2
    expect(bench.send({ type: 'tick' })).toEqual([{ type: 'wake', at: 5 }])
    expect(bench.join(2)).toEqual([])
    bench.now = 6
    expect(plannedHosts(bench.send({ type: 'tick' }))).toEqual(expect.arrayContaining([1, 2]))
    expect(bench.state.timed.size).toBe(0)
  })
})

it('ignores events about hosts and tasks it does not know', () => {
  const bench = new Bench()
  bench.send({ type: 'host-up', host: hostId(1), upBps: 1 })
  bench.send({ type: 'host-down', host: hostId(2) })
  bench.send({ type: 'task-gone', task: taskId })
  bench.progress(1, 1)
  bench.lost(1, 2)
  bench.bad(1, 2)
  bench.leave(1)
  expect(bench.log.flatMap(({ commands }) => commands)).toEqual([])
})
