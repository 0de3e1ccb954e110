import { describe, expect, test } from 'vitest'
import { RateEstimate } from './rate-estimate.ts'

const KiB = 1024

/** Calls `each` every 10 ms of a span, the end excluded. */
function every10(from: number, to: number, each: (now: number) => void): void {
  for (let now = from; now < to; now += 10) each(now)
}

describe('RateEstimate', () => {
  test('knows nothing before there is evidence', () => {
    const rates = new RateEstimate()
    expect(rates.upBps).toBeUndefined()
    expect(rates.downBps(0)).toBeUndefined()
    expect(rates.sendingBps(0)).toBeUndefined()
    expect(rates.receivingBps(0)).toBe(0)
    rates.received(KiB, 0)
    rates.sent(KiB, 0)
    expect(rates.downBps(499)).toBeUndefined()
    expect(rates.upBps).toBeUndefined()
  })

  test('up is what went out while sends waited, and nothing of the other times', () => {
    const rates = new RateEstimate()
    every10(0, 1000, (now) => rates.sent(KiB, now))
    expect(rates.upBps).toBeUndefined()
    every10(1000, 1300, (now) => {
      rates.setBacklog(true, now)
      rates.sent(10 * KiB, now)
    })
    rates.setBacklog(false, 1300)
    every10(1300, 5000, (now) => rates.sent(KiB, now))
    every10(5000, 5300, (now) => {
      rates.setBacklog(true, now)
      rates.sent(10 * KiB, now)
    })
    expect(rates.upBps).toBeGreaterThan(980 * KiB)
    expect(rates.upBps).toBeLessThan(1030 * KiB)
  })

  test('up follows a rate that changes, within two seconds of waiting sends', () => {
    const rates = new RateEstimate()
    rates.setBacklog(true, 0)
    every10(0, 3000, (now) => rates.sent(10 * KiB, now))
    expect(rates.sendingBps(3000)).toBeCloseTo(1000 * KiB, -5)
    every10(3000, 5600, (now) => rates.sent(5 * KiB, now))
    expect(rates.upBps).toBeLessThan(520 * KiB)
    expect(rates.sendingBps(5600)).toBeLessThan(520 * KiB)
  })

  test('what is being sent is told only while sends wait', () => {
    const rates = new RateEstimate()
    rates.setBacklog(true, 0)
    every10(0, 90, (now) => rates.sent(10 * KiB, now))
    expect(rates.sendingBps(90)).toBeUndefined()
    every10(90, 200, (now) => rates.sent(10 * KiB, now))
    expect(rates.sendingBps(200)).toBe(1000 * KiB)
    rates.setBacklog(false, 200)
    expect(rates.sendingBps(210)).toBeUndefined()
  })

  test('down is the most that came in half a second, and is forgotten after two minutes', () => {
    const rates = new RateEstimate()
    every10(0, 1000, (now) => rates.received(10 * KiB, now))
    every10(1000, 3000, (now) => rates.received(KiB, now))
    expect(rates.downBps(3000)).toBe(1000 * KiB)
    every10(3000, 125_000, (now) => rates.received(KiB, now))
    expect(rates.downBps(125_000)).toBe(100 * KiB)
  })

  test('what comes in now is told over one to two windows, and ends with silence', () => {
    const rates = new RateEstimate()
    every10(0, 2000, (now) => rates.received(10 * KiB, now))
    expect(rates.receivingBps(2000)).toBe(1000 * KiB)
    every10(2000, 2600, (now) => rates.received(5 * KiB, now))
    expect(rates.receivingBps(2600)).toBe(500 * KiB)
    expect(rates.receivingBps(3400)).toBeLessThan(250 * KiB)
    expect(rates.receivingBps(9000)).toBe(0)
  })
})
