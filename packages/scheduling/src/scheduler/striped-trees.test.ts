import { describe, expect, it } from 'vitest'
import { Bench, hostId, plannedHosts } from './test-support/model.ts'

const stripes = [0, 1, 2, 3]

/** One host at a time, with a quiet while between. */
function oneByOne(count: number, bench = new Bench()): Bench {
  bench.ready()
  for (let host = 0; host < count; host++) {
    bench.join(host)
    bench.pass(10)
  }
  return bench
}

const ways: [string, (count: number) => Bench][] = [
  ['in one batch', (count) => new Bench().swarm(count)],
  ['one by one', oneByOne],
]

describe.each(ways)('hosts that join %s', (_way, build) => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 32, 100])(
    'get each stripe from the seed once, and no host has more than k children (%i hosts)',
    (count) => {
      const bench = build(count)
      for (const stripe of stripes) expect(bench.childrenIn(stripe, 'seed')).toHaveLength(1)
      for (const { children } of bench.peers()) expect(children).toBeLessThanOrEqual(4)
    },
  )

  it.each([8, 32, 100, 300])('stand near the seed (%i hosts)', (count) => {
    const bound = Math.ceil(Math.log(count) / Math.log(4)) + 2
    expect(build(count).maxDepth()).toBeLessThanOrEqual(bound)
  })
})

describe('one more host', () => {
  it('moves few of the others', () => {
    const bench = oneByOne(200)
    let moved = 0
    for (let host = 200; host < 300; host++) {
      const before = new Map(bench.peers().map(({ host: id, parents }) => [id, parents.join()]))
      bench.join(host)
      bench.pass(10)
      moved += bench
        .peers()
        .filter(
          ({ host: id, parents }) => before.has(id) && before.get(id) !== parents.join(),
        ).length
    }
    expect(moved / 100).toBeLessThanOrEqual(2)
  })

  it('takes those whose stripe had no slot for them', () => {
    const bench = oneByOne(3)
    const beforeFourth = bench.childrenIn(3, 'seed')
    bench.join(3)
    expect(beforeFourth).not.toEqual([3])
    expect(bench.childrenIn(3, 'seed')).toEqual([3])
    expect(new Set(bench.childrenIn(3, 3))).toEqual(new Set([0, 1, 2]))
  })

  it('comes after those that are ahead of it', () => {
    const bench = oneByOne(10)
    for (let host = 0; host < 10; host++) bench.progress(host, 500)
    const before = bench.peers().map(({ parents }) => parents)
    for (let host = 10; host < 30; host++) {
      bench.join(host)
      bench.pass(10)
    }
    expect(
      bench
        .peers()
        .slice(0, 10)
        .map(({ parents }) => parents),
    ).toEqual(before)
    for (const stripe of stripes) expect(bench.childrenIn(stripe, 'seed')).toHaveLength(1)
  })

  it('fetches from hosts that have everything, a different one for each stripe, not from the seed', () => {
    const bench = new Bench().swarm(8)
    for (let host = 0; host < 8; host++) bench.progress(host, 1000)
    bench.pass(10)
    bench.join(8)
    const { parents } = bench.peer(8)
    expect(parents).not.toContain('seed')
    expect(new Set(parents).size).toBe(4)
  })
})

describe('hosts that come with pieces', () => {
  it('are placed before those with fewer, also in one batch', () => {
    const bench = new Bench()
    for (let host = 0; host < 60; host++) bench.join(host, (host % 3) * 400)
    bench.ready()
    const have = new Map<string, number>([['seed', 1000]])
    for (const peer of bench.peers()) have.set(peer.host, peer.have)
    for (const peer of bench.peers()) {
      for (const parent of peer.parents) {
        expect(have.get(parent)).toBeGreaterThanOrEqual(peer.have)
      }
    }
  })
})

it('puts a host that is ahead of all others between the seed and them', () => {
  const bench = new Bench().swarm(30)
  bench.pass(10)
  bench.join(30, 900)
  for (const stripe of stripes) {
    expect(bench.childrenIn(stripe, 'seed')).toEqual([30])
    expect(bench.childrenIn(stripe, 30).length).toBeGreaterThan(0)
  }
})

describe('an interior host that leaves', () => {
  it('is replaced by that of its children that is furthest along', () => {
    const bench = new Bench().swarm(40)
    const [root = -1] = bench.childrenIn(0, 'seed')
    const interiors = bench
      .childrenIn(0, root)
      .filter((host) => bench.childrenIn(0, host).length > 0)
    expect(interiors.length).toBeGreaterThan(1)
    const best = interiors.at(-1) ?? -1
    for (let host = 0; host < 40; host++) bench.progress(host, host === best ? 40 : 30)
    bench.leave(root)
    expect(bench.childrenIn(0, 'seed')).toEqual([best])
  })

  it('moves few hosts, on average, in a large swarm', () => {
    const bench = new Bench().swarm(1000)
    let moved = 0
    for (let host = 0; host < 200; host++) {
      const before = new Map(bench.peers().map(({ host: id, parents }) => [id, parents.join()]))
      bench.leave(host * 5)
      moved += bench
        .peers()
        .filter(({ host: id, parents }) => before.get(id) !== parents.join()).length
    }
    expect(moved / 200).toBeLessThanOrEqual(12)
  })

  it('leaves the stripes with as many slots as each other', () => {
    const bench = new Bench().swarm(80)
    const interiorsOf = (stripe: number) =>
      bench.peers().filter(({ host }) => {
        const id = Number.parseInt(host, 16)
        return bench.childrenIn(stripe, id).length > 0
      }).length
    for (let left = 0; left < 15; left++) {
      const [root = -1] = bench.childrenIn(0, 'seed')
      bench.leave(root)
    }
    for (const stripe of stripes) {
      expect(interiorsOf(stripe)).toBeGreaterThanOrEqual(12)
      expect(bench.childrenIn(stripe, 'seed')).toHaveLength(1)
    }
    expect(bench.maxDepth()).toBeLessThanOrEqual(8)
  })
})

it('lets the seed feed as many hosts in each stripe as it has slots', () => {
  const bench = new Bench({ seedSlots: 3 }).swarm(30)
  for (const stripe of stripes) expect(bench.childrenIn(stripe, 'seed')).toHaveLength(3)
})

it('keeps its shape through long comings and goings', () => {
  const bench = oneByOne(100)
  for (let host = 100; host < 1500; host++) {
    bench.leave((host * 7919) % host)
    if (bench.peers().length < 100 || host % 3 !== 0) bench.join(host)
    bench.pass(10)
  }
  expect(bench.maxDepth()).toBeLessThanOrEqual(12)
  for (const stripe of stripes) expect(bench.childrenIn(stripe, 'seed')).toHaveLength(1)
})

it('sends a plan to none whose parents and spares stay', () => {
  const bench = new Bench().swarm(100)
  const before = new Map(bench.plans)
  for (const host of plannedHosts(bench.leave(50))) {
    expect(bench.plans.get(hostId(host))).not.toEqual(before.get(hostId(host)))
  }
})
