import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FetchFailure } from './fetch-planner.ts'
import { hostOf, PlannerModel, type Step, seed } from './test-support/planner-model.ts'

const hosts = [1, 2, 3, 4, 5, 6, 7, 8].map(hostOf)
const failures: FetchFailure[] = ['not-yet', 'absent', 'busy', 'invalid', 'lost']

const somebody = fc.constantFrom(...hosts, seed)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('arrive' as const), pick: fc.nat() }) },
  fc.record({ kind: fc.constant('close' as const), pick: fc.nat() }),
  fc.record({
    kind: fc.constant('fail' as const),
    pick: fc.nat(),
    failure: fc.constantFrom(...failures),
  }),
  fc.record({ kind: fc.constant('elsewhere' as const), index: fc.nat(199) }),
  fc.record({
    kind: fc.constant('plan' as const),
    parents: fc.array(somebody, { minLength: 1, maxLength: 4 }),
    spares: fc.array(fc.constantFrom(...hosts), { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }),
  fc.record({ kind: fc.constant('read' as const), start: fc.nat(199) }),
)

const start = fc.record({
  pieces: fc.integer({ min: 0, max: 200 }),
  stripes: fc.constantFrom(1, 3, 4),
  have: fc.uniqueArray(fc.nat(199)),
  steps: fc.array(step, { maxLength: 120 }),
})

describe('FetchPlanner, over random histories', () => {
  test('asks nothing twice, nothing that is here, nobody who is banned, within its windows; aborts what is open', () => {
    fc.assert(
      fc.property(start, ({ pieces, stripes, have, steps }) => {
        const model = new PlannerModel({ pieces, stripes, have })
        for (const change of steps) {
          model.apply(change)
          model.ask()
          model.check()
        }
        expect(model.planner.newest).toBeLessThan(pieces)
      }),
      { numRuns: 300 },
    )
  })

  test('whatever happened, the content arrives once somebody has it and answers', () => {
    fc.assert(
      fc.property(start, ({ pieces, stripes, have, steps }) => {
        const model = new PlannerModel({ pieces, stripes, have })
        for (const change of steps) {
          model.apply(change)
          model.ask()
        }
        model.urgent = []
        model.apply({ kind: 'plan', parents: [hostOf(99)], spares: [] })
        for (let round = 0; model.here.size < model.pieces; round++) {
          expect(round).toBeLessThan(500)
          model.ask()
          expect(model.open.length).toBeGreaterThan(0)
          const [oldest] = model.open.toSorted((a, b) => a.index - b.index)
          if (oldest !== undefined) model.arrive(model.take(model.open.indexOf(oldest)) ?? oldest)
          model.now += 25
        }
        expect(model.open).toEqual([])
        expect(model.ask()).toEqual([])
      }),
      { numRuns: 200 },
    )
  })
})
