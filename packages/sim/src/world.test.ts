import { describe, expect, it } from 'vitest'
import { defaultScenario, type Scenario } from './scenario.ts'
import { runScenario } from './world.ts'

const MB = 1_000_000
const base: Partial<Scenario> = { hosts: 30, sizeBytes: 60 * MB }

function run(changes: Partial<Scenario>) {
  let ticks = 0
  return runScenario({ ...defaultScenario, ...base, ...changes }, { clock: () => ticks++ })
}

describe('a swarm in virtual time', () => {
  it('of equal hosts is done soon after the floor, and takes the content from the seed once', () => {
    const { finished, ratio, seedBytesPerByte } = run({})
    expect(finished).toBe(30)
    expect(ratio?.p50).toBeLessThan(1.15)
    expect(ratio?.p50).toBeGreaterThan(1)
    expect(seedBytesPerByte).toBeLessThan(1.05)
  })

  it('is the same again with the same seed, and another with another', () => {
    const changes = {
      corrupt: { share: 0.1 },
      deaths: { share: 0.1, withinMs: 100, way: 'killed' },
    } as const
    expect(run(changes)).toEqual(run(changes))
    expect(run(changes)).not.toEqual(run({ ...changes, seed: 2 }))
  })

  it('survives hosts that are killed, and hosts whose cable is cut', () => {
    for (const way of ['killed', 'cut'] as const) {
      const { hosts, finished, ratio } = run({ deaths: { share: 0.2, withinMs: 150, way } })
      expect(finished).toBe(hosts - 6)
      // Half a second of floor, and at worst twice the two seconds after which a silent parent is given up.
      expect(ratio?.max).toBeLessThan(25)
    }
  })

  it('takes no wrong byte: what hosts that corrupt send is asked for again elsewhere', () => {
    const { finished, hosts, wastedBytesPerByte } = run({ corrupt: { share: 0.1 } })
    expect(finished).toBe(hosts)
    expect(wastedBytesPerByte).toBeGreaterThan(0)
    expect(wastedBytesPerByte).toBeLessThan(1)
  })

  it('goes on while the SuperNode is gone, and after it is back', () => {
    const { finished, hosts } = run({ supernodeLoss: { atMs: 60, forMs: 500 } })
    expect(finished).toBe(hosts)
  })

  it('lets slow hosts hold up nobody once they are known', () => {
    const slow = { share: 0.25, factor: 0.25, isKnown: true }
    const { fastRatio, slowRatio } = run({ isRateKnown: true, slow })
    expect(fastRatio?.p99).toBeLessThan(1.4)
    expect(slowRatio?.p99).toBeLessThan(1.3)
  })

  it('feeds a reader in order from early on', () => {
    const { firstPieceMs, stallMs } = run({ reader: { order: 'ascending', share: 0.5 } })
    expect(firstPieceMs?.max).toBeLessThan(60)
    expect(stallMs?.p99 ?? 0).toBeLessThan(60)
  })

  it('crosses the border of a zone about once', () => {
    const { crossZoneBytesPerByte } = run({ hosts: 80, zones: { count: 4, price: 1 } })
    expect(crossZoneBytesPerByte).toBeLessThan(4.5)
  })

  it('is as fast as a cold origin, and one that joins late takes no longer than the others', () => {
    const cold = run({ origin: { rateBps: 60 * MB, firstByteMs: 20 } })
    expect(cold.ratio?.max).toBeLessThan(1.15)
    const rolling = run({ joins: { way: 'rolling', overMs: 2000 } })
    expect(rolling.ratio?.p50).toBeLessThan(1.1)
    expect(rolling.ratio?.max).toBeLessThan(2.5)
  })
})
