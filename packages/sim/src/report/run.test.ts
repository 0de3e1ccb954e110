import { expect, it } from 'vitest'
import { defaultScenario, type Scenario } from '../scenario.ts'
import { runScenario } from '../world.ts'
import { Trace } from './trace.ts'

const small: Scenario = { ...defaultScenario, hosts: 20, sizeBytes: 40_000_000 }

function run(changes: Partial<Scenario>, trace?: Trace) {
  return runScenario({ ...small, ...changes }, { clock: () => 0, ...(trace && { trace }) })
}

it('layers come in the order in which they are unpacked, near what their prefix needs', () => {
  const { layerRatios, ratio } = run({ layers: 8 })
  expect(layerRatios).toHaveLength(8)
  expect(layerRatios[0]?.p50).toBeGreaterThan(1)
  expect(layerRatios[3]?.p50).toBeLessThan(1.5)
  expect(layerRatios[7]).toEqual(ratio)
})

it('a run without layers tells of none', () => {
  expect(run({}).layerRatios).toEqual([])
})

it('a run that is watched is the same run, byte for byte', () => {
  const changes = { deaths: { share: 0.1, withinMs: 100, way: 'killed' as const } }
  const trace = new Trace()
  expect(JSON.stringify(run(changes, trace))).toBe(JSON.stringify(run(changes)))
  expect(trace.hosts.size).toBe(20)
  expect(trace.marks.filter(({ mark }) => mark === 'dies')).toHaveLength(2)
})

it('who is reported for wrong bytes is one that corrupts', () => {
  const trace = new Trace()
  run({ corrupt: { share: 0.1 } }, trace)
  const reported = trace.marks.filter(({ mark }) => mark === 'reported-bad')
  expect(new Set(reported.map(({ host }) => host)).size).toBeLessThanOrEqual(2)
  expect(reported.length).toBeGreaterThan(0)
})

it('of several contents the last is drawn', () => {
  const trace = new Trace()
  const { startedAtMs } = run({ rounds: 2 }, trace)
  expect(startedAtMs).toBeGreaterThan(0)
  expect([...trace.hosts.values()].every(({ joinedAtMs }) => joinedAtMs >= startedAtMs)).toBe(true)
})
