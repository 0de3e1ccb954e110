import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { TokenBucket } from './limits.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Takes all chunks one after the other and gives the time it took. */
async function timeToTake(bucket: TokenBucket, chunks: readonly number[]): Promise<number> {
  const startedAt = performance.now()
  let finishedAt: number | undefined
  const taking = (async () => {
    for (const chunk of chunks) await bucket.take(chunk)
    finishedAt = performance.now()
  })()
  while (finishedAt === undefined) await vi.advanceTimersByTimeAsync(10)
  await taking
  return finishedAt - startedAt
}

test('rate 0 means no limit', async () => {
  expect(await timeToTake(new TokenBucket({ bps: 0 }), [1e12, 1e12])).toBe(0)
})

test('chunks larger than the burst pass at the rate', async () => {
  const bucket = new TokenBucket({ bps: 1000, burstBytes: 100 })
  // 100 bytes are there at once; the fourth chunk waits until the debt of three is paid and the bucket is full.
  expect(await timeToTake(bucket, [500, 500, 500, 500])).toBeCloseTo(1500, -1)
})

test('whatever the chunks, the rate holds over time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 20, maxLength: 60 }),
      fc.integer({ min: 500, max: 20_000 }),
      async (chunks, bps) => {
        const bucket = new TokenBucket({ bps })
        const total = chunks.reduce((sum, chunk) => sum + chunk, 0)
        const last = chunks.at(-1) ?? 0
        const ms = await timeToTake(bucket, chunks)
        expect(ms).toBeGreaterThanOrEqual(((total - last - bps / 10) / bps) * 1000 - 1)
        expect(ms).toBeLessThanOrEqual((total / bps) * 1000 + 20 + chunks.length)
      },
    ),
    { numRuns: 30 },
  )
})

test('callers are served in the order they asked, a small one never before a large one', async () => {
  const bucket = new TokenBucket({ bps: 1000, burstBytes: 1000 })
  const served: string[] = []
  const take = (name: string, bytes: number) => bucket.take(bytes).then(() => served.push(name))
  void take('first', 1000)
  void take('large', 900)
  void take('small', 1)
  await vi.advanceTimersByTimeAsync(500)
  expect(served).toEqual(['first'])
  await vi.advanceTimersByTimeAsync(500)
  expect(served).toEqual(['first', 'large', 'small'])
})

test('a new rate applies to those who wait already', async () => {
  const bucket = new TokenBucket({ bps: 1, burstBytes: 1000 })
  await bucket.take(1000)
  let done = false
  void bucket.take(1000).then(() => {
    done = true
  })
  await vi.advanceTimersByTimeAsync(1000)
  expect(done).toBe(false)
  bucket.setRate(10_000)
  expect(bucket.bps).toBe(10_000)
  await vi.advanceTimersByTimeAsync(101)
  expect(done).toBe(true)
})

test('setting the rate to 0 lets those who wait through', async () => {
  const bucket = new TokenBucket({ bps: 1 })
  const waiting = [bucket.take(100), bucket.take(100)]
  bucket.setRate(0)
  expect(await Promise.all(waiting)).toHaveLength(2)
})

test('an abort takes a caller out of the line, and the next one is served', async () => {
  const bucket = new TokenBucket({ bps: 1000, burstBytes: 100 })
  await bucket.take(100)
  const controller = new AbortController()
  const large = bucket.take(100, controller.signal)
  const small = bucket.take(1)
  const reason = new Error('enough')
  controller.abort(reason)
  await expect(large).rejects.toBe(reason)
  await vi.advanceTimersByTimeAsync(1)
  await small
  await expect(bucket.take(1, controller.signal)).rejects.toBe(reason)
})

test('a rate that is no number is a bug', () => {
  expect(() => new TokenBucket({ bps: Number.NaN })).toThrow(RangeError)
})
