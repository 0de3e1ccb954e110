import { expect, test } from 'vitest'
import { backoffMs, sleep } from './backoff.ts'

test('the wait doubles up to its limit, and only its upper half is random', () => {
  const waits = (random: number) =>
    [0, 1, 2, 10, 5000].map((attempt) =>
      backoffMs(attempt, { baseMs: 100, maxMs: 1000, random: () => random }),
    )
  expect(waits(0)).toEqual([50, 100, 200, 500, 500])
  expect(waits(1)).toEqual([100, 200, 400, 1000, 1000])
})

test('sleep rejects with the reason of the signal, before and during the wait', async () => {
  const reason = new Error('enough')
  await expect(sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason)
  const controller = new AbortController()
  const sleeping = sleep(60_000, controller.signal)
  controller.abort(reason)
  await expect(sleeping).rejects.toBe(reason)
})

test('sleep resolves after its time', async () => {
  const startedAt = performance.now()
  await sleep(20, new AbortController().signal)
  expect(performance.now() - startedAt).toBeGreaterThan(18)
})
