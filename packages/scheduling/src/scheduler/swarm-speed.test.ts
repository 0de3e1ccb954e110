import type { HostId } from '@df/proto'
import { expect, it } from 'vitest'
import type { ParentId } from './events.ts'
import { Bench, hostId } from './test-support/model.ts'

const STRIPES = 4
const PIECES = 1000

/**
 * A swarm in rounds: in each a host takes and sends as many pieces as there are stripes, the seed sends twice
 * that; what comes in one round can be sent on in the next; the oldest piece goes first. Returns the rounds
 * until the last host has everything, and the pieces the seed sent.
 */
function distribute(bench: Bench): { rounds: number; seedPieces: number } {
  const peers = bench.peers()
  const have = new Map<ParentId, Set<number>>(peers.map(({ host }) => [host, new Set()]))
  have.set('seed', new Set(Array.from({ length: PIECES }, (_, piece) => piece)))
  const next = new Map<HostId, number[]>(peers.map(({ host }) => [host, [0, 1, 2, 3]]))
  let rounds = 0
  let seedPieces = 0
  for (; peers.some(({ host }) => have.get(host)?.size !== PIECES); rounds++) {
    const wishes = peers.flatMap(({ host, parents }) =>
      parents.flatMap((parent, stripe) => {
        const first = next.get(host)?.[stripe] ?? PIECES
        return Array.from({ length: STRIPES }, (_, step) => first + step * STRIPES)
          .filter((piece) => piece < PIECES && have.get(parent)?.has(piece))
          .map((piece) => ({ host, parent, stripe, piece }))
      }),
    )
    wishes.sort((a, b) => a.piece - b.piece)
    const sent = new Map<ParentId, number>()
    const taken = new Map<HostId, number>()
    const arrivals: typeof wishes = []
    for (const wish of wishes) {
      const up = sent.get(wish.parent) ?? 0
      const down = taken.get(wish.host) ?? 0
      if (up >= (wish.parent === 'seed' ? 2 * STRIPES : STRIPES) || down >= STRIPES) continue
      sent.set(wish.parent, up + 1)
      taken.set(wish.host, down + 1)
      arrivals.push(wish)
    }
    for (const { host, stripe, piece } of arrivals) {
      have.get(host)?.add(piece)
      const positions = next.get(host)
      if (positions !== undefined) positions[stripe] = piece + STRIPES
    }
    seedPieces += sent.get('seed') ?? 0
    if (rounds > PIECES * peers.length) throw new Error('the swarm stands still')
  }
  return { rounds, seedPieces }
}

it.each([1, 2, 3, 5, 6, 7, 8, 32, 100])('%i hosts take about as long as one', (count) => {
  const { rounds, seedPieces } = distribute(new Bench().swarm(count, { pieces: PIECES }))
  const floor = PIECES / STRIPES
  expect(rounds / floor).toBeLessThanOrEqual(1.1)
  expect(seedPieces).toBe(PIECES)
})

it('places 15 000 hosts in far less time than they need to join', () => {
  const bench = new Bench()
  const hosts = Array.from({ length: 15_000 }, (_, host) => hostId(host))
  for (const host of hosts) bench.join(Number.parseInt(host, 16))
  const before = process.threadCpuUsage()
  bench.ready()
  const { user, system } = process.threadCpuUsage(before)
  // 0.4 s of one core (docs/adr/0002-striped-trees.md); a quadratic way takes minutes.
  expect((user + system) / 1e6).toBeLessThan(5)
  expect(bench.plans.size).toBe(15_000)
  expect(bench.maxDepth()).toBeLessThanOrEqual(Math.ceil(Math.log(15_000) / Math.log(4)) + 2)
})
