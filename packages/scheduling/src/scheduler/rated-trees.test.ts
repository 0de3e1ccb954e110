import { describe, expect, it } from 'vitest'
import { Bench, hostId, taskId } from './test-support/model.ts'

const stripes = [0, 1, 2, 3]
const FAST = 12e6

interface Fleet {
  count: number
  rateOf?: (host: number) => number
  locationOf?: (host: number) => string[]
}

function fleet({ count, rateOf = () => FAST, locationOf = () => [] }: Fleet): Bench {
  const bench = new Bench()
  for (let host = 0; host < count; host++) {
    const bps = rateOf(host)
    bench.send({
      type: 'host-up',
      host: hostId(host),
      upBps: bps,
      downBps: bps,
      location: locationOf(host),
    })
  }
  return bench.swarm(count)
}

const numberOf = (id: string) => Number.parseInt(id, 16)
const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)

describe('hosts of different rates', () => {
  const isSlow = (host: number) => host % 4 === 3
  /** Fast hosts with a slow parent. */
  const waitingForSlower = (bench: Bench) =>
    bench
      .peers()
      .filter(({ host }) => !isSlow(numberOf(host)))
      .filter(({ parents }) =>
        parents.some((parent) => parent !== 'seed' && isSlow(numberOf(parent))),
      )
  const mixed = (count: number) =>
    fleet({ count, rateOf: (host) => (isSlow(host) ? FAST / 4 : FAST) })

  it.each([8, 20, 100, 500])(
    'are placed so that no host waits for a slower one (%i hosts)',
    (count) => {
      expect(waitingForSlower(mixed(count))).toEqual([])
    },
  )

  it.each([8, 20, 100, 500])('are asked for no more than they can send (%i hosts)', (count) => {
    const bench = mixed(count)
    const rate = (id: string) => (isSlow(numberOf(id)) ? FAST / 4 : FAST)
    const asked = new Map<string, number>()
    for (const { host, parents } of bench.peers()) {
      for (const parent of parents) {
        asked.set(parent, (asked.get(parent) ?? 0) + rate(host) / stripes.length)
      }
    }
    expect(asked.get('seed')).toBeLessThanOrEqual(FAST)
    asked.delete('seed')
    expect([...asked].filter(([host, bps]) => bps > 1.1 * rate(host))).toEqual([])
    for (const stripe of stripes) expect(bench.childrenIn(stripe, 'seed')).toHaveLength(1)
  })

  it('stand above slower ones that came before them', () => {
    const bench = new Bench()
    for (let host = 0; host < 30; host++) {
      const bps = isSlow(host) ? FAST / 4 : FAST
      bench.send({ type: 'host-up', host: hostId(host), upBps: bps, downBps: bps })
    }
    bench.ready()
    for (const host of [3, 7, ...Array.from({ length: 30 }, (_, each) => each)]) {
      if (bench.plans.has(hostId(host))) continue
      bench.join(host)
      bench.pass(10)
    }
    expect(waitingForSlower(bench)).toEqual([])
  })

  it('that are not known are taken for what most are', () => {
    const bench = new Bench()
    for (let host = 0; host < 30; host++) {
      bench.send({ type: 'host-up', host: hostId(host), upBps: FAST, downBps: FAST })
    }
    bench.swarm(40)
    for (const { children } of bench.peers()) expect(children).toBeLessThanOrEqual(4)
    for (const stripe of stripes) expect(bench.childrenIn(stripe, 'seed')).toHaveLength(1)
  })

  it('that are seen to be slow in the middle of a task are moved below the others', () => {
    const bench = new Bench()
    for (let host = 0; host < 100; host++) bench.send({ type: 'host-up', host: hostId(host) })
    bench.swarm(100)
    for (let host = 0; host < 100; host++) {
      const bps = isSlow(host) ? FAST / 4 : FAST
      bench.send({ type: 'rates', host: hostId(host), upBps: bps, downBps: bps })
    }
    expect(waitingForSlower(bench)).toEqual([])
  })
})

describe('hosts in several places', () => {
  /** Edges over the border of each zone, for each stripe. */
  function crossings(zones: number, size: number): number[] {
    const zoneOf = (host: number) => host % zones
    const bench = fleet({
      count: zones * size,
      locationOf: (host) => ['eu', `zone-${zoneOf(host)}`],
    })
    const counts = Array.from({ length: zones * stripes.length }, () => 0)
    for (const { host, parents } of bench.peers()) {
      const zone = zoneOf(numberOf(host))
      for (const [stripe, parent] of parents.entries()) {
        if (parent !== 'seed' && zoneOf(numberOf(parent)) === zone) continue
        const at = zone * stripes.length + stripe
        counts[at] = (counts[at] ?? 0) + 1
      }
    }
    return counts
  }

  it.each([
    [4, 25],
    [2, 200],
    [5, 1],
  ])('%i zones of %i hosts fetch each stripe over their border once', (zones, size) => {
    for (const count of crossings(zones, size)) expect(count).toBe(1)
  })

  it.each([
    [10, 6],
    [8, 2],
  ])('%i zones of %i hosts do so nearly: their few slots feed neighbours too', (zones, size) => {
    const all = crossings(zones, size)
    expect(sum(all) / all.length).toBeLessThanOrEqual(1.3)
  })

  it('a rack is preferred to its zone, a zone to its region', () => {
    const locationOf = (host: number) => [
      `r${host % 2}`,
      `z${Math.floor(host / 2) % 2}`,
      `k${Math.floor(host / 4) % 2}`,
    ]
    const bench = fleet({ count: 80, locationOf })
    let sameRack = 0
    let edges = 0
    for (const { host, parents } of bench.peers()) {
      for (const parent of parents) {
        if (parent === 'seed') continue
        edges++
        const same = locationOf(numberOf(host)).join() === locationOf(numberOf(parent)).join()
        sameRack += Number(same)
      }
    }
    expect(edges - sameRack).toBeLessThanOrEqual(1.3 * 8 * stripes.length)
  })
})

describe('a host that holds others up', () => {
  function lagging(): { bench: Bench; culprit: number; stripe: number; children: number[] } {
    const bench = fleet({ count: 100 })
    const [root = -1] = bench.childrenIn(0, 'seed')
    const culprit = bench.childrenIn(0, root).find((host) => bench.childrenIn(0, host).length > 2)
    if (culprit === undefined) throw new Error('the tree has one level')
    return { bench, culprit, stripe: 0, children: bench.childrenIn(0, culprit) }
  }

  it('serves none of them within 150 ms of their reports', () => {
    const { bench, culprit, stripe, children } = lagging()
    for (const child of children) bench.slow(child, stripe)
    bench.pass(150)
    for (const each of stripes) expect(bench.childrenIn(each, culprit)).toEqual([])
    for (const child of children) {
      expect(bench.depth(hostId(child), stripe)).toBeGreaterThan(0)
    }
  })

  it('is the topmost one that is named: those below it who name their own parent are excused', () => {
    const { bench, culprit, stripe, children } = lagging()
    const below = children.filter((host) => bench.childrenIn(stripe, host).length > 1)
    expect(below.length).toBeGreaterThan(0)
    const grandchildren = below.flatMap((host) => bench.childrenIn(stripe, host))
    for (const host of grandchildren) bench.slow(host, stripe)
    bench.pass(100)
    for (const host of children) bench.slow(host, stripe)
    bench.pass(300)
    expect(bench.childrenIn(stripe, culprit)).toEqual([])
    for (const host of below) {
      const fed = stripes.flatMap((each) => bench.childrenIn(each, host))
      expect(fed.length).toBeGreaterThan(0)
    }
  })

  it('is not moved on the word of one host of several', () => {
    const { bench, culprit, stripe, children } = lagging()
    bench.slow(children[0] ?? -1, stripe)
    bench.pass(5000)
    expect(bench.childrenIn(stripe, culprit)).toEqual(children)
  })

  it('stands at the edge in the next task, until it is seen to be as fast as the others', () => {
    const { bench, culprit, stripe, children } = lagging()
    for (const child of children) bench.slow(child, stripe)
    bench.pass(150)
    bench.send({ type: 'task-gone', task: taskId })
    bench.swarm(100)
    for (const each of stripes) expect(bench.childrenIn(each, culprit)).toEqual([])
    bench.pass(130_000)
    bench.send({ type: 'rates', host: hostId(culprit), upBps: FAST, downBps: FAST })
    bench.send({ type: 'task-gone', task: taskId })
    bench.swarm(100)
    expect(bench.peer(culprit).children).toBeGreaterThan(0)
  })

  it('what it measured before is not held against the reports', () => {
    const { bench, culprit, stripe, children } = lagging()
    for (const child of children) bench.slow(child, stripe)
    bench.pass(150)
    bench.send({ type: 'rates', host: hostId(culprit), upBps: FAST, downBps: FAST })
    bench.send({ type: 'task-gone', task: taskId })
    bench.swarm(100)
    for (const each of stripes) expect(bench.childrenIn(each, culprit)).toEqual([])
  })
})
