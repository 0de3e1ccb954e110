import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteBudget } from './byte-budget.ts'

const never = new AbortController().signal

describe('ByteBudget', () => {
  test('never lets more in than the limit, except one that is larger alone, and lets everybody in at last', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 30 }),
        async (sizes) => {
          const budget = new ByteBudget(100)
          const inside = new Set<number>()
          let done = 0
          await Promise.all(
            sizes.map(async (bytes, at) => {
              await budget.enter(bytes, never)
              inside.add(at)
              const sum = [...inside].reduce((total, other) => total + (sizes[other] ?? 0), 0)
              expect(sum <= 100 || inside.size === 1).toBe(true)
              await new Promise((resolve) => setImmediate(resolve))
              inside.delete(at)
              budget.leave(bytes)
              done++
            }),
          )
          expect(done).toBe(sizes.length)
        },
      ),
      { numRuns: 30 },
    )
  })

  test('one who leaves the queue does not block those behind', async () => {
    const budget = new ByteBudget(10)
    await budget.enter(8, never)
    const abort = new AbortController()
    const large = budget.enter(9, abort.signal)
    const small = budget.enter(2, never)
    abort.abort(new Error('gone'))
    await expect(large).rejects.toThrow('gone')
    await small
  })
})
