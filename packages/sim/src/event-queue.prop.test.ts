import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventQueue, type SimEvent } from './event-queue.ts'

type Step =
  | { do: 'schedule'; at: number }
  | { do: 'reschedule' | 'cancel'; pick: number; at: number }
  | { do: 'next' }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('schedule' as const), at: fc.nat(50) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('reschedule' as const, 'cancel' as const),
        pick: fc.nat(1000),
        at: fc.nat(50),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('next' as const) }) },
  ),
  { maxLength: 300 },
)

describe('EventQueue', () => {
  it('gives what a sorted list gives, with changes and cancellations between', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const queue = new EventQueue()
        const event: SimEvent = { kind: 0, a: 0, b: 0, c: 0 }
        const model: { id: number; at: number; name: number }[] = []
        const seen: { came: number[] | undefined; due: number[] | undefined }[] = []
        const sizes: { is: number; due: number }[] = []
        let names = 0
        for (const step of all) {
          const picked = 'pick' in step ? model[step.pick % Math.max(1, model.length)] : undefined
          if (step.do === 'schedule') {
            const name = names++
            const at = Math.max(step.at, queue.now)
            model.push({ id: queue.schedule(step.at, 7, name, 2 * name, 3), at, name })
          } else if (step.do === 'next') {
            model.sort((a, b) => a.at - b.at || a.name - b.name)
            const first = model.shift()
            const came = queue.next(event) ? [queue.now, event.a, event.b] : undefined
            seen.push({ came, due: first && [first.at, first.name, 2 * first.name] })
          } else if (picked !== undefined && step.do === 'reschedule') {
            picked.at = Math.max(step.at, queue.now)
            queue.reschedule(picked.id, step.at)
          } else if (picked !== undefined) {
            queue.cancel(picked.id)
            model.splice(model.indexOf(picked), 1)
          }
          sizes.push({ is: queue.size, due: model.length })
        }
        for (const { came, due } of seen) expect(came).toEqual(due)
        for (const { is, due } of sizes) expect(is).toBe(due)
      }),
    )
  })
})
