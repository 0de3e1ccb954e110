import { describe, expect, it } from 'vitest'
import { Bench, hostId, plannedHosts, taskId } from './test-support/model.ts'

/** The root of stripe 0 and its first two children. */
function family(bench: Bench): [number, number, number] {
  const [parent = -1] = bench.childrenIn(0, 'seed')
  const [first = -1, second = -1] = bench.childrenIn(0, parent)
  return [parent, first, second]
}

/** Ten hosts join, and are placed 10 ms later: whoever may serve is needed. */
function addHosts(bench: Bench, from: number): void {
  for (let host = from; host < from + 10; host++) bench.join(host)
  bench.pass(10)
}

describe('a parent reported lost', () => {
  it('is no parent and no spare of the reporter any more, whatever comes', () => {
    const bench = new Bench().swarm(30)
    const [parent, child] = family(bench)
    expect(plannedHosts(bench.lost(child, parent))).toContain(child)
    for (let host = 40; host < 60; host++) {
      bench.pass(10)
      bench.join(host)
      expect(bench.plans.get(hostId(child))?.parents).not.toContain(hostId(parent))
      expect(bench.plans.get(hostId(child))?.spares).not.toContain(hostId(parent))
    }
  })

  it('keeps its other children on the word of one host', () => {
    const bench = new Bench().swarm(30)
    const [parent, child, other] = family(bench)
    bench.lost(child, parent)
    bench.lost(child, parent)
    expect(bench.peer(other).parents[0]).toBe(hostId(parent))
  })

  it('loses all children on the word of two, and stays as a leaf', () => {
    const bench = new Bench().swarm(30)
    const [parent, first, second] = family(bench)
    bench.lost(first, parent)
    bench.pass(4999)
    bench.lost(second, parent)
    expect(bench.peer(parent)).toMatchObject({ children: 0, banned: false })
    expect(bench.peer(parent).parents).toHaveLength(4)
    expect([...bench.plans.values()].flatMap(({ spares }) => spares)).not.toContain(hostId(parent))
  })

  it('keeps them when the reports are more than 5 s apart', () => {
    const bench = new Bench().swarm(30)
    const [parent, first, second] = family(bench)
    bench.lost(first, parent)
    bench.pass(5001)
    bench.lost(second, parent)
    expect(bench.peer(parent).children).toBeGreaterThan(0)
  })

  it('serves again after 10 s', () => {
    const bench = new Bench().swarm(5)
    const [parent, first, second] = family(bench)
    bench.lost(first, parent)
    bench.lost(second, parent)
    bench.pass(9980)
    addHosts(bench, 10)
    expect(bench.peer(parent).children).toBe(0)
    bench.pass(100)
    addHosts(bench, 20)
    expect(bench.peer(parent).children).toBeGreaterThan(0)
    expect(bench.state.timed.size).toBe(0)
  })

  it('serves again as soon as it reports progress, but only the first time', () => {
    const bench = new Bench().swarm(9)
    const [parent] = family(bench)
    const reportTwice = () => {
      const children = bench.peers().filter(({ parents }) => parents.includes(hostId(parent)))
      expect(children.length).toBeGreaterThan(1)
      for (const { host } of children) bench.lost(Number.parseInt(host, 16), parent)
      expect(bench.peer(parent).children).toBe(0)
    }
    reportTwice()
    bench.progress(parent, 1)
    addHosts(bench, 10)
    reportTwice()
    bench.progress(parent, 2)
    addHosts(bench, 20)
    expect(bench.peer(parent).children).toBe(0)
    bench.pass(19_900)
    addHosts(bench, 30)
    expect(bench.peer(parent).children).toBe(0)
    bench.pass(100)
    addHosts(bench, 40)
    expect(bench.peer(parent).children).toBeGreaterThan(0)
  })

  it('does not get the one reporter above itself when all others depend on it', () => {
    const bench = new Bench().swarm(40)
    const [root, child] = family(bench)
    bench.lost(child, root)
    expect(bench.childrenIn(0, 'seed')).toEqual([root])
    expect(bench.peer(child).parents[0]).not.toBe(hostId(root))
  })

  it('may leave meanwhile, and comes back as any other', () => {
    const bench = new Bench().swarm(9)
    const [parent, first, second] = family(bench)
    bench.lost(first, parent)
    bench.lost(second, parent)
    bench.leave(parent)
    bench.pass(6)
    addHosts(bench, 10)
    bench.join(parent)
    addHosts(bench, 20)
    bench.pass(20_000)
    addHosts(bench, 30)
    expect(bench.peer(parent).children).toBeGreaterThan(0)
    expect(bench.state.tasks.get(taskId)?.demoted.size).toBe(0)
  })

  it('is asked again when the reporter found too many others lost', () => {
    const bench = new Bench().swarm(40)
    for (let host = 0; host < 30; host++) bench.lost(39, host)
    const [avoided] = bench.state.tasks
      .get(taskId)
      ?.roster.flatMap(({ host, avoided: all }) => (host === hostId(39) ? [all] : [])) ?? [
      new Set(),
    ]
    expect(avoided).toEqual(new Set(Array.from({ length: 16 }, (_, index) => hostId(14 + index))))
  })

  it('is not judged by hosts that have nothing to do with it', () => {
    const bench = new Bench().swarm(60)
    const strangers = bench
      .peers()
      .map(({ host }) => host)
      .filter((host) => {
        const plan = bench.plans.get(host)
        return ![...(plan?.parents ?? []), ...(plan?.spares ?? [])].includes(hostId(0))
      })
    const children = bench.peer(0).children
    for (const host of strangers.slice(0, 5)) bench.lost(Number.parseInt(host, 16), 0)
    expect(bench.peer(0).children).toBe(children)
  })

  it('is replaced by the seed when there is nobody else, and fetches from the reporter', () => {
    const bench = new Bench().swarm(2)
    bench.lost(1, 0)
    for (const stripe of [0, 1, 2, 3]) {
      expect(bench.childrenIn(stripe, 'seed')).toEqual([1])
      expect(bench.childrenIn(stripe, 1)).toEqual([0])
    }
  })

  it('shares the seed with the reporter when neither can fetch from the other, until a third can serve one', () => {
    const bench = new Bench().swarm(2)
    bench.lost(1, 0)
    bench.lost(0, 1)
    for (const stripe of [0, 1, 2, 3]) expect(bench.childrenIn(stripe, 'seed')).toEqual([0, 1])
    bench.pass(10)
    bench.join(2, 1000)
    for (const stripe of [0, 1, 2, 3]) expect(bench.childrenIn(stripe, 'seed')).toHaveLength(1)
  })

  it('is not avoided by going to somebody who depends on it', () => {
    const bench = new Bench().swarm(40)
    const [root, interior] = family(bench)
    const [leaf = -1] = bench.childrenIn(0, interior)
    bench.lost(leaf, interior)
    const parent = bench.peer(leaf).parents[0]
    expect(parent).not.toBe(hostId(interior))
    expect(bench.childrenIn(0, interior).map(hostId)).not.toContain(parent)
    expect(root).not.toBe(leaf)
  })
})

describe('a host reported bad', () => {
  it('serves nobody from the first report on, and goes on as a leaf', () => {
    const bench = new Bench().swarm(30)
    const [parent, child] = family(bench)
    bench.bad(child, parent)
    expect(bench.peer(parent)).toMatchObject({ banned: true, children: 0 })
    expect(bench.peer(parent).parents).toHaveLength(4)
    expect([...bench.plans.values()].flatMap(({ spares }) => spares)).not.toContain(hostId(parent))
    bench.pass(60_000)
    bench.progress(parent, 1000)
    expect(bench.peer(parent).children).toBe(0)
  })

  it('gives its place to one of its children', () => {
    const bench = new Bench().swarm(100)
    const [root, interior] = family(bench)
    const children = bench.childrenIn(0, interior)
    bench.bad(root, interior)
    expect(bench.childrenIn(0, root).some((host) => children.includes(host))).toBe(true)
    expect(bench.childrenIn(0, root)).not.toContain(interior)
  })

  it('stays banned when it leaves and comes back', () => {
    const bench = new Bench().swarm(10)
    bench.bad(3, 0)
    bench.leave(0)
    bench.pass(10)
    bench.join(0, 1000)
    bench.pass(10)
    expect(bench.peer(0)).toMatchObject({ banned: true, complete: true, children: 0 })
    expect(bench.peers().flatMap(({ parents }) => parents)).not.toContain(hostId(0))
  })

  it('does not hold the seed’s slot before one that may serve', () => {
    const bench = new Bench().swarm(1)
    bench.pass(10)
    bench.join(1)
    bench.bad(1, 0)
    for (let stripe = 0; stripe < 4; stripe++) {
      expect(bench.childrenIn(stripe, 'seed')).toEqual([1])
      expect(bench.childrenIn(stripe, 1)).toEqual([0])
    }
    bench.leave(1)
    bench.pass(10)
    bench.join(2)
    for (let stripe = 0; stripe < 4; stripe++) {
      expect(bench.childrenIn(stripe, 'seed')).toEqual([2])
    }
  })

  it('is believed of one reporter for three hosts, not for a fourth', () => {
    const bench = new Bench().swarm(30)
    const liar = 29
    for (const host of [1, 2, 3, 4, 5]) bench.bad(liar, host)
    const banned = bench.peers().flatMap(({ host, banned: is }) => (is ? [host] : []))
    expect(banned).toEqual([1, 2, 3].map(hostId))
    expect(bench.peer(liar).parents).not.toContain(hostId(4))
    bench.leave(liar)
    bench.pass(10)
    bench.join(liar)
    bench.bad(liar, 6)
    expect(bench.peer(6).banned).toBe(false)
  })

  it('may be banned by each of several hosts', () => {
    const bench = new Bench().swarm(30)
    for (let host = 10; host < 20; host++) bench.bad(host, host - 10)
    expect(bench.peers().filter(({ banned }) => banned)).toHaveLength(10)
  })

  it('cannot report itself', () => {
    const bench = new Bench().swarm(3)
    bench.bad(1, 1)
    bench.lost(1, 1)
    expect(bench.peer(1)).toMatchObject({ banned: false })
  })
})
