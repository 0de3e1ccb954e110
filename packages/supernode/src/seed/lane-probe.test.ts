import { describe, expect, it } from 'vitest'
import { LaneProbe } from './lane-probe.ts'

const lanesFor = (probe: LaneProbe, rates: number[]) => rates.map((rate) => probe.sample(rate))

describe('a lane probe', () => {
  it('opens lanes as long as each makes the whole faster', () => {
    expect(lanesFor(new LaneProbe(4), [10, 20, 30, 40, 40])).toEqual([2, 3, 4, 4, 4])
  })

  it('goes back to one lane when a second brings nothing, and leaves it at that', () => {
    expect(lanesFor(new LaneProbe(4), [10, 11, 50, 50])).toEqual([2, 1, 1, 1])
  })

  it('gives up the lane that did not help', () => {
    expect(lanesFor(new LaneProbe(4), [10, 20, 21, 30])).toEqual([2, 3, 2, 2])
  })

  it('never goes beyond its maximum, nor below one', () => {
    expect(lanesFor(new LaneProbe(1), [10, 20])).toEqual([1, 1])
    const probe = new LaneProbe(4)
    probe.limit(0)
    expect(lanesFor(probe, [10, 100])).toEqual([1, 1])
  })
})
