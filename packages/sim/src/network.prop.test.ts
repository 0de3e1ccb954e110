import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventQueue, type SimEvent } from './event-queue.ts'
import { maxMinRates } from './max-min.ts'
import { Network } from './network.ts'

const HOSTS = 8

const histories = fc.record({
  capacities: fc.array(fc.constantFrom(25, 50, 100, 100, 100, 200), {
    minLength: 2 * HOSTS,
    maxLength: 2 * HOSTS,
  }),
  steps: fc.array(fc.record({ up: fc.nat(HOSTS - 1), down: fc.nat(HOSTS - 1), stops: fc.nat(3) }), {
    minLength: 1,
    maxLength: 60,
  }),
})

describe('Network', () => {
  it('shares as progressive filling does, after any starts and stops', () => {
    fc.assert(
      fc.property(histories, ({ capacities, steps }) => {
        const queue = new EventQueue()
        const network = new Network(queue, 1)
        const links = capacities.map((capacity) => network.addLink(capacity))
        const flows: { flow: number; up: number; down: number }[] = []
        for (const { up, down, stops } of steps) {
          const from = links[up] ?? 0
          const to = links[HOSTS + down] ?? 0
          flows.push({ flow: network.start(from, to, 1e9, 0), up: from, down: to })
          if (stops === 0) network.stop(flows.shift()?.flow ?? 0)
          network.settle()
          const exact = maxMinRates(flows, capacities)
          for (const [index, { flow }] of flows.entries()) {
            const ratio = network.rateOf(flow) / (exact[index] ?? 0)
            expect(ratio).toBeGreaterThan(0.94)
            expect(ratio).toBeLessThan(1.06)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('ends transfers when their bytes are through, also when their rate changes on the way', () => {
    const queue = new EventQueue()
    const network = new Network(queue, 1)
    const [up = 0, near = 0, far = 0] = [100, 1000, 1000].map((rate) => network.addLink(rate))
    network.start(up, near, 1000, 11)
    network.settle()
    const event: SimEvent = { kind: 0, a: 0, b: 0, c: 0 }
    queue.schedule(5, 2)
    queue.next(event)
    expect(queue.now).toBe(5)
    network.start(up, far, 1000, 22)
    network.settle()
    const ends: [number, number][] = []
    while (queue.next(event)) {
      network.finished(event.a)
      network.settle()
      ends.push([event.b, queue.now])
    }
    // 500 bytes at 100 and 500 at 50; then 500 at 50 and 500 at 100.
    expect(ends).toEqual([
      [11, 15],
      [22, 20],
    ])
  })

  it('lets a transfer stand while its link is down, and go on when it is up again', () => {
    const queue = new EventQueue()
    const network = new Network(queue, 1)
    const [up = 0, down = 0] = [100, 100].map((rate) => network.addLink(rate))
    const flow = network.start(up, down, 1000, 0)
    network.settle()
    network.setCapacity(up, 0)
    network.settle()
    expect(network.rateOf(flow)).toBe(0)
    network.setCapacity(up, 10)
    network.settle()
    const event: SimEvent = { kind: 0, a: 0, b: 0, c: 0 }
    expect(queue.next(event)).toBe(true)
    expect(queue.now).toBe(100)
  })
})
