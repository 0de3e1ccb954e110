import { expect, test } from 'vitest'
import { RateMeter } from './rate-meter.ts'

test('the rate is that of the last five seconds', () => {
  const meter = new RateMeter()
  expect(meter.sample(0, 0)).toBe(0)
  expect(meter.sample(1000, 100)).toBe(100)
  expect(meter.sample(5000, 500)).toBe(100)
  for (let second = 6; second <= 10; second++) meter.sample(second * 1000, 500)
  expect(meter.sample(11_000, 500)).toBe(0)
})

test('bytes that are dropped again make no negative rate', () => {
  const meter = new RateMeter()
  meter.sample(0, 100)
  expect(meter.sample(1000, 0)).toBe(0)
})
