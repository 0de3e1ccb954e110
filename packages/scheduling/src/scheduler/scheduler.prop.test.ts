import type { HostId } from '@df/proto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ParentId } from './events.ts'
import type { Member } from './scheduler-state.ts'
import { Bench, taskId } from './test-support/model.ts'
import { calmSteps, levelSteps, PIECES, runSteps, steps } from './test-support/steps.ts'

function placed(bench: Bench): Map<HostId, Member> {
  const members = bench.state.tasks.get(taskId)?.roster ?? []
  return new Map(members.map((member) => [member.host, member]))
}

function parentsOf(bench: Bench, member: Member): ParentId[] {
  return bench.state.tasks.get(taskId)?.content?.swarm.parentsOf(member) ?? []
}

/** What must hold after every event, whatever happened. */
function checkSwarm(bench: Bench): void {
  const members = placed(bench)
  const content = bench.state.tasks.get(taskId)?.content
  const edges = new Map<ParentId, number>()
  for (const member of members.values()) {
    const parents = parentsOf(bench, member)
    expect(parents).toHaveLength(member.complete ? 0 : (content?.stripes ?? 0))
    for (const [stripe, parent] of parents.entries()) {
      edges.set(parent, (edges.get(parent) ?? 0) + 1)
      bench.depth(member.host, stripe)
      if (parent === 'seed') continue
      expect(members.get(parent)?.serving).toBe(true)
      expect(member.avoided).not.toContain(parent)
    }
    checkSpares(member, members)
    if (member.complete) continue
    const spares = member.spares.map(({ host }) => host)
    expect(bench.plans.get(member.host)).toMatchObject({ parents, spares })
  }
  for (const { host, children } of bench.peers()) expect(children).toBe(edges.get(host) ?? 0)
}

function checkSpares(member: Member, members: ReadonlyMap<HostId, Member>): void {
  const eligible = [...members.values()].filter(
    (other) => other !== member && other.serving && !member.avoided.has(other.host),
  )
  expect(member.spares).toHaveLength(member.complete ? 0 : Math.min(8, eligible.length))
  expect(new Set(member.spares).size).toBe(member.spares.length)
  for (const spare of member.spares) expect(eligible).toContain(spare)
}

/** Children of the seed that another host could serve. */
function movable(bench: Bench, stripe: number): number {
  const members = placed(bench)
  const above = (from: Member): Member[] => {
    const parent = from.complete ? 'seed' : parentsOf(bench, from)[stripe]
    const next = parent === undefined || parent === 'seed' ? undefined : members.get(parent)
    return next === undefined ? [from] : [from, ...above(next)]
  }
  const all = [...members.values()]
  return all.filter(
    (child) =>
      parentsOf(bench, child)[stripe] === 'seed' &&
      all.some(
        (host) =>
          host.serving && above(host).every((way) => way !== child && !child.avoided.has(way.host)),
      ),
  ).length
}

describe('after any events', () => {
  it('every host has a parent for each stripe that may serve, the ways end at the content, and the plans sent say so', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 3 }), (all, seedSlots) => {
        const bench = new Bench({ seedSlots })
        bench.ready(4, PIECES)
        runSteps(bench, all, () => checkSwarm(bench))
      }),
      { numRuns: 50 },
    )
  })

  it('the seed feeds no more hosts than it has slots while another could', () => {
    fc.assert(
      fc.property(levelSteps, fc.integer({ min: 1, max: 3 }), (all, seedSlots) => {
        const bench = new Bench({ seedSlots })
        bench.ready(4, PIECES)
        runSteps(bench, all, () => {
          for (const stripe of [0, 1, 2, 3]) {
            expect(movable(bench, stripe)).toBeLessThanOrEqual(seedSlots)
          }
        })
      }),
      { numRuns: 100 },
    )
  })

  it('nobody has more children than stripes, by more than one, while nobody fails', () => {
    fc.assert(
      fc.property(calmSteps, (all) => {
        const bench = new Bench()
        bench.ready(4, PIECES)
        runSteps(bench, all, () => {
          for (const { children } of bench.peers()) expect(children).toBeLessThanOrEqual(5)
        })
      }),
      { numRuns: 100 },
    )
  })

  it('nothing is left in the state once all hosts and the task are gone', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const bench = new Bench()
        runSteps(bench, all)
        bench.send({ type: 'task-gone', task: taskId })
        expect(bench.state).toMatchObject({ tasks: new Map(), hosts: new Map(), timed: new Set() })
      }),
    )
  })
})
