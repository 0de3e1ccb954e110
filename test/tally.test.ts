import { expect, it } from 'vitest'
import { isCountable, tallyOf } from '../scripts/tally.ts'

it('counts what the report says', () => {
  expect(tallyOf({ numPassedTests: 3, numFailedTests: 2 }, false)).toEqual({ passed: 3, failed: 2 })
  expect(tallyOf({ numPassedTests: 3, numFailedTests: 0 }, true)).toEqual({ passed: 3, failed: 0 })
})

it('never calls a run without failed tests right when the run itself failed', () => {
  expect(tallyOf({ numPassedTests: 3, numFailedTests: 0 }, false)).toEqual({ passed: 3, failed: 1 })
})

it('counts a run without a report as failed', () => {
  expect(tallyOf(undefined, true)).toEqual({ passed: 0, failed: 1 })
})

it('knows a report from other JSON', () => {
  expect(isCountable({ numPassedTests: 0, numFailedTests: 0 })).toBe(true)
  expect(isCountable({ numPassedTests: '0' })).toBe(false)
  expect(isCountable(null)).toBe(false)
})
