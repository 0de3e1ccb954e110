import { expect, it } from 'vitest'
import { Bench, hostId } from './test-support/model.ts'

function sparesOf(bench: Bench, host: number) {
  return bench.plans.get(hostId(host))?.spares ?? []
}

it('names eight different hosts, never the host itself', () => {
  const bench = new Bench().swarm(50)
  for (let host = 0; host < 50; host++) {
    expect(new Set(sparesOf(bench, host)).size).toBe(8)
    expect(sparesOf(bench, host)).not.toContain(hostId(host))
  }
})

it('names all others while there are fewer than nine', () => {
  const bench = new Bench()
  bench.ready()
  for (let host = 0; host < 5; host++) {
    bench.join(host)
    bench.pass(10)
  }
  for (let host = 0; host < 5; host++) expect(sparesOf(bench, host)).toHaveLength(4)
})

it('prefers those that hold more', () => {
  const bench = new Bench().swarm(20)
  for (let host = 0; host < 10; host++) bench.progress(host, 400)
  bench.pass(10)
  bench.join(20)
  const ahead = new Set(Array.from({ length: 10 }, (_, host) => hostId(host)))
  expect(sparesOf(bench, 20).filter((host) => ahead.has(host))).toHaveLength(8)
})

it('keeps the other spares when one goes, and finds another for it', () => {
  const bench = new Bench().swarm(50)
  const before = sparesOf(bench, 0)
  const gone = before[3] ?? hostId(0)
  bench.leave(Number.parseInt(gone, 16))
  const after = sparesOf(bench, 0)
  expect(after).toHaveLength(8)
  expect(after).not.toContain(gone)
  expect(before.filter((host) => after.includes(host))).toHaveLength(7)
})

it('chooses by the seed of the scheduler', () => {
  const of = (seed: number) => sparesOf(new Bench({ seed }).swarm(50), 7)
  expect(of(1)).toEqual(of(1))
  expect(of(1)).not.toEqual(of(2))
})
