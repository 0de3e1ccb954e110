import type { TaskId } from '@df/proto'
import { expect, it } from 'vitest'
import { Bench, hostId, taskId } from './test-support/model.ts'
import { peersOf, tasksOf } from './views.ts'

it('shows each host of a task with its parents and the number of its children', () => {
  const bench = new Bench().swarm(4)
  bench.progress(1, 12)
  bench.bad(0, 2)
  const peers = peersOf(bench.state, taskId)
  expect(peers.map(({ host }) => host)).toEqual([0, 1, 2, 3].map(hostId))
  expect(peers[1]).toMatchObject({ task: taskId, have: 12, complete: false, banned: false })
  expect(peers[2]).toMatchObject({ banned: true, children: 0 })
  const edges = peers.flatMap(({ parents }) => parents).filter((parent) => parent !== 'seed')
  expect(peers.reduce((sum, { children }) => sum + children, 0)).toBe(edges.length)
})

it('shows hosts that wait for their first plan', () => {
  const bench = new Bench()
  bench.join(0, 7)
  expect(bench.peers()).toMatchObject([{ have: 7, parents: [], children: 0 }])
})

it('shows the tasks of a host', () => {
  const bench = new Bench().swarm(2)
  const other = 'c'.repeat(64) as TaskId
  bench.send({ type: 'join', host: hostId(0), task: other, have: 0 })
  expect(tasksOf(bench.state, hostId(0)).map(({ task }) => task)).toEqual([taskId, other])
  expect(tasksOf(bench.state, hostId(5))).toEqual([])
  expect(peersOf(bench.state, 'd'.repeat(64) as TaskId)).toEqual([])
})
