import fc from 'fast-check'
import { type Bench, hostId, taskId } from './model.ts'

/** One thing that happens to a swarm. `pick` chooses among the host's neighbours, or any host when it has none. */
export type Step =
  | { do: 'join' | 'progress'; host: number; have: number }
  | { do: 'leave' | 'down'; host: number }
  | { do: 'lost' | 'bad'; host: number; pick: number }
  | { do: 'slow'; host: number; stripe: number }
  | { do: 'up' | 'rates'; host: number; upBps: number; downBps: number; zone: string }
  | { do: 'pass'; ms: number }
  | { do: 'ready'; stripes: number; pieces: number }
  | { do: 'gone' }

const HOSTS = 14
export const PIECES = 100

const host = fc.nat(HOSTS - 1)
const pick = fc.nat(20)
const anyHave = fc.nat(PIECES)

const joins = (have: fc.Arbitrary<number>) => fc.record({ do: fc.constant('join'), host, have })
const reports = (have: fc.Arbitrary<number>) =>
  fc.record({ do: fc.constant('progress'), host, have })
const leaves = fc.record({ do: fc.constantFrom('leave', 'down'), host })
const faults = fc.record({ do: fc.constantFrom('lost', 'lost', 'bad'), host, pick })
const lags = fc.record({ do: fc.constant('slow'), host, stripe: fc.nat(3) })
const bps = fc.constantFrom(1e6, 9e6, 1e7, 4e7)
const rates = fc.record({
  do: fc.constantFrom('up', 'rates'),
  host,
  upBps: bps,
  downBps: bps,
  zone: fc.constantFrom('a', 'b'),
})
const passes = fc.record({ do: fc.constant('pass'), ms: fc.constantFrom(1, 5, 10, 3000, 12_000) })
const contents = fc.record({
  do: fc.constant('ready'),
  stripes: fc.constantFrom(1, 2, 4),
  pieces: fc.constantFrom(0, 3, PIECES),
})

/** Anything in any order. */
export const steps: fc.Arbitrary<Step[]> = listOf(
  { weight: 8, arbitrary: joins(anyHave) },
  { weight: 6, arbitrary: reports(anyHave) },
  { weight: 2, arbitrary: leaves },
  { weight: 5, arbitrary: faults },
  { weight: 4, arbitrary: lags },
  { weight: 4, arbitrary: rates },
  { weight: 5, arbitrary: passes },
  { weight: 2, arbitrary: contents },
  { weight: 1, arbitrary: fc.constant({ do: 'gone' }) },
)

/** Hosts that have nothing or everything, so that nobody is behind another. */
export const levelSteps: fc.Arbitrary<Step[]> = listOf(
  { weight: 8, arbitrary: joins(fc.constant(0)) },
  { weight: 2, arbitrary: reports(fc.constantFrom(0, PIECES)) },
  { weight: 2, arbitrary: leaves },
  { weight: 4, arbitrary: faults },
  { weight: 5, arbitrary: passes },
)

/** As {@link levelSteps}, and nobody fails. */
export const calmSteps: fc.Arbitrary<Step[]> = listOf(
  { weight: 8, arbitrary: joins(fc.constant(0)) },
  { weight: 1, arbitrary: reports(fc.constantFrom(0, PIECES)) },
  { weight: 3, arbitrary: leaves },
  { weight: 5, arbitrary: passes },
)

function listOf(...kinds: { weight: number; arbitrary: fc.Arbitrary<unknown> }[]) {
  return fc.array(fc.oneof(...kinds) as fc.Arbitrary<Step>, { maxLength: 80, size: 'max' })
}

/** Runs the steps, and calls `after` after each. */
export function runSteps(bench: Bench, all: readonly Step[], after = () => {}): void {
  for (const step of all) {
    runStep(bench, step)
    after()
  }
}

function runStep(bench: Bench, step: Step): void {
  switch (step.do) {
    case 'join':
      bench.join(step.host, step.have)
      return
    case 'progress':
      bench.progress(step.host, step.have)
      return
    case 'leave':
      bench.leave(step.host)
      bench.plans.delete(hostId(step.host))
      return
    case 'down':
      bench.send({ type: 'host-down', host: hostId(step.host) })
      bench.plans.delete(hostId(step.host))
      return
    case 'lost':
      bench.lost(step.host, neighbour(bench, step.host, step.pick))
      return
    case 'bad':
      bench.bad(step.host, neighbour(bench, step.host, step.pick))
      return
    case 'slow':
      bench.slow(step.host, step.stripe)
      return
    case 'up':
    case 'rates': {
      const { upBps, downBps, zone } = step
      const about = { host: hostId(step.host), downBps }
      if (step.do === 'rates') bench.send({ type: 'rates', ...about })
      else bench.send({ type: 'host-up', ...about, upBps, location: [zone] })
      return
    }
    case 'pass':
      bench.pass(step.ms)
      return
    case 'ready':
      bench.ready(step.stripes, step.pieces)
      return
    case 'gone':
      bench.send({ type: 'task-gone', task: taskId })
      bench.plans.clear()
      return
  }
}

function neighbour(bench: Bench, of: number, pickIndex: number): number {
  const plan = bench.plans.get(hostId(of))
  const neighbours = [...(plan?.parents ?? []), ...(plan?.spares ?? [])].filter(
    (id) => id !== 'seed',
  )
  const id = neighbours[pickIndex % Math.max(1, neighbours.length)]
  return id === undefined ? pickIndex % HOSTS : Number.parseInt(id, 16)
}
