import { isAppError } from '@df/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SendQueue } from './send-queue.ts'

const never = new AbortController().signal
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('SendQueue', () => {
  test('the smallest key goes next, whatever the order of asking', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(1000), { minLength: 1, maxLength: 20 }),
        async (keys) => {
          const queue = new SendQueue({ slots: 1 })
          const leave = await queue.enter(-1, 'receiver', never)
          const order: number[] = []
          const all = keys.map(async (key) => {
            const done = await queue.enter(key, 'receiver', never)
            order.push(key)
            await turn()
            done()
          })
          leave()
          await Promise.all(all)
          expect(order).toEqual(keys.toSorted((a, b) => a - b))
          expect(queue.sending).toBe(0)
        },
      ),
      { numRuns: 30 },
    )
  })

  test('never more sends than slots, and every free slot is used', async () => {
    const queue = new SendQueue({ slots: 3 })
    let most = 0
    await Promise.all(
      Array.from({ length: 20 }, async (_, key) => {
        const leave = await queue.enter(key, 'receiver', never)
        most = Math.max(most, queue.sending)
        await turn()
        leave()
      }),
    )
    expect(most).toBe(3)
  })

  test('a slow receiver does not hold a slot against others', async () => {
    const queue = new SendQueue({ slots: 1, slowAfterMs: 20, maxSends: 4 })
    const slow = await queue.enter(0, 'receiver', never)
    const other = await queue.enter(1, 'receiver', never)
    expect(queue.sending).toBe(2)
    other()
    slow()
    expect(queue.sending).toBe(0)
  })

  test('waiting ends with PARENT_BUSY, or when the caller leaves, and frees the place', async () => {
    const queue = new SendQueue({ slots: 1, slowAfterMs: 5000, maxSends: 4, maxWaitMs: 20 })
    const leave = await queue.enter(0, 'receiver', never)
    await expect(queue.enter(1, 'receiver', never)).rejects.toSatisfy((error) =>
      isAppError(error, 'PARENT_BUSY'),
    )
    const left = new AbortController()
    const waiting = queue.enter(2, 'receiver', left.signal)
    left.abort(new Error('left'))
    await expect(waiting).rejects.toThrow('left')
    leave()
    const again = await queue.enter(3, 'receiver', never)
    again()
    expect(queue.sending).toBe(0)
  })
})
