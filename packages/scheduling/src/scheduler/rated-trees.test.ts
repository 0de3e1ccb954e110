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

  it('are not told apart by what they received: the swarm may have had no more to give', () => {
    const bench = new Bench().swarm(100)
    const before = bench.peers().map(({ parents }) => parents)
    for (let host = 0; host < 100; host++) {
      bench.send({ type: 'rates', host: hostId(host), downBps: isSlow(host) ? FAST / 4 : FAST })
    }
    expect(bench.peers().map(({ parents }) => parents)).toEqual(before)
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

describe('a host that takes its pieces slower than its siblings', () => {
  /** One that feeds others in stripe 0. */
  function interior(): { bench: Bench; slow: number } {
    const bench = new Bench()
    for (let host = 0; host < 100; host++) bench.send({ type: 'host-up', host: hostId(host) })
    bench.swarm(100)
    const [root = -1] = bench.childrenIn(0, 'seed')
    const slow = bench.childrenIn(0, root).find((host) => bench.childrenIn(0, host).length > 2)
    if (slow === undefined) throw new Error('the tree has one level')
    return { bench, slow }
  }
  const fedBy = (bench: Bench, host: number) =>
    stripes.flatMap((stripe) => bench.childrenIn(stripe, host))

  it('serves nobody that is faster as soon as two of its parents say so', () => {
    const { bench, slow } = interior()
    bench.slow(slow, 0)
    expect(fedBy(bench, slow)).not.toEqual([])
    bench.slow(slow, 1)
    expect(fedBy(bench, slow)).toEqual([])
    for (const stripe of stripes) expect(bench.depth(hostId(slow), stripe)).toBeGreaterThan(0)
  })

  it('is believed to be so on the word of its only parent', () => {
    const bench = new Bench()
    for (let host = 0; host < 2; host++) bench.send({ type: 'host-up', host: hostId(host) })
    bench.ready(1)
    bench.join(0)
    bench.pass(10)
    bench.join(1)
    expect(bench.peer(1).parents).toEqual([hostId(0)])
    bench.slow(0, 0)
    expect(bench.peer(1).parents).toEqual(['seed'])
  })

  it('is not moved for one parent that says so again and again, nor for one that is none of it', () => {
    const { bench, slow } = interior()
    const before = fedBy(bench, slow)
    for (let time = 0; time < 5; time++) {
      bench.slow(slow, 0)
      bench.pass(300)
    }
    const stranger = {
      type: 'slow',
      host: hostId(99),
      task: taskId,
      stripe: 1,
      share: 0.1,
    } as const
    bench.send({ ...stranger, child: hostId(slow) })
    expect(fedBy(bench, slow)).toEqual(before)
  })

  it('stands at the edge in the next task, until it shows that it is as fast as the others', () => {
    const { bench, slow } = interior()
    bench.slow(slow, 0)
    bench.slow(slow, 1)
    const again = () => {
      bench.send({ type: 'task-gone', task: taskId })
      bench.swarm(100)
      return fedBy(bench, slow)
    }
    expect(again()).toEqual([])
    bench.send({ type: 'rates', host: hostId(slow), downBps: FAST })
    expect(again(), 'what it measured before').toEqual([])
    bench.pass(130_000)
    bench.send({ type: 'rates', host: hostId(slow), downBps: FAST })
    expect(again()).not.toEqual([])
  })
})
