import { expect, it } from 'vitest'
import { floorSeconds } from '../bench/support/floor.ts'
import { median, spread } from '../bench/support/statistics.ts'
import { table } from '../bench/support/table.ts'

const swarm = {
  hosts: 8,
  contentBytes: 250e6,
  seedUpBps: 25e6,
  hostUpBps: 12.5e6,
  hostDownBps: 12.5e6,
}

it('the floor is what binds: a host’s download, the seed’s upload, or all uploads together', () => {
  expect(floorSeconds(swarm)).toBe(20)
  expect(floorSeconds({ ...swarm, seedUpBps: 5e6 })).toBe(50)
  expect(floorSeconds({ ...swarm, hostUpBps: 1e6, hostDownBps: 100e6 })).toBeCloseTo(60.6, 1)
})

it('a median is the middle, also of an even number of values', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
  expect(() => median([])).toThrow(RangeError)
})

it('a spread shows the ends only when there is more than one value', () => {
  expect(spread([1.234], 2)).toBe('1.23')
  expect(spread([3, 1, 2], 1)).toBe('2.0 [1.0-3.0]')
})

it('a table is aligned', () => {
  expect(table(['a', 'bb'], [['ccc', 'd']])).toBe(
    ['| a   | bb |', '|-----|----|', '| ccc | d  |'].join('\n'),
  )
})
