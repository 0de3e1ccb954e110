import { expect, it } from 'vitest'
import { taskFloor } from './task-floor.ts'

const facts = { bytes: 1000, durationMs: 12_000 }
const nothing = { limitBps: undefined, seenBps: undefined, seedBps: undefined }

it('is not known without a rate, and nothing received has none', () => {
  expect(taskFloor(facts, nothing)).toBeUndefined()
  expect(taskFloor({ ...facts, bytes: 0 }, { ...nothing, limitBps: 100 })).toBeUndefined()
})

it('is of the limit that is set, before what was seen', () => {
  expect(taskFloor(facts, { ...nothing, limitBps: 100, seenBps: 90 })).toEqual({
    by: 'limit',
    ms: 10_000,
  })
  expect(taskFloor(facts, { ...nothing, seenBps: 90 })).toMatchObject({ by: 'seen' })
})

it('is of the seed when that is slower', () => {
  expect(taskFloor(facts, { ...nothing, limitBps: 200, seedBps: 100 })).toEqual({
    by: 'seed',
    ms: 10_000,
  })
})

it('leaves out what the task beat, unless it is a limit', () => {
  const fast = { bytes: 1000, durationMs: 9000 }
  expect(taskFloor(fast, { ...nothing, seenBps: 100, seedBps: 100 })).toBeUndefined()
  expect(taskFloor(fast, { ...nothing, limitBps: 200, seedBps: 100 })).toMatchObject({
    by: 'limit',
  })
  expect(taskFloor(fast, { ...nothing, limitBps: 100 })).toMatchObject({ by: 'limit', ms: 10_000 })
})
