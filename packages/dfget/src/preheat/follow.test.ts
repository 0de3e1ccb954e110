import { AppError, type PreheatJob, type PreheatState } from '@df/proto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { follow } from './follow.ts'
import { jobOf } from './test-support.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** Follows a job of which the SuperNode says these things, one after the other. */
function followed(answers: readonly (PreheatState | AppError)[]) {
  const told: (PreheatState | boolean)[] = []
  let asked = 0
  let reminded = 0
  const end = follow(jobOf({ state: 'running' }), {
    async ask(): Promise<PreheatJob> {
      const answer = answers[Math.min(asked++, answers.length - 1)] ?? 'running'
      if (typeof answer !== 'string') throw answer
      return jobOf({ state: answer })
    },
    async remind() {
      reminded++
      return jobOf({ state: 'running' })
    },
    onJob: ({ state }) => told.push(state),
    onReach: (isReached) => told.push(isReached),
    signal: new AbortController().signal,
    now: () => performance.now(),
  })
  end.catch(() => {})
  return { told, end, asked: () => asked, reminded: () => reminded }
}

const away = new AppError('SUPERNODE_UNREACHABLE', 'away')

test('a job is followed to its end, soon at first and then twice a second', async () => {
  const { told, end, asked } = followed(['running', 'running', 'running', 'complete'])
  await vi.advanceTimersByTimeAsync(99)
  expect(asked()).toBe(0)
  await vi.advanceTimersByTimeAsync(1 + 200 + 400)
  expect(asked()).toBe(3)
  await vi.advanceTimersByTimeAsync(500)
  expect(await end).toMatchObject({ state: 'complete' })
  expect(told).toEqual(['running', 'running', 'running', 'running', 'complete'])
})

test('a SuperNode that is away for less than a minute is asked on, told of once, and reminded', async () => {
  const { told, end, reminded } = followed(['running', away, away, away, 'running', 'failed'])
  await vi.advanceTimersByTimeAsync(10_000)
  expect(await end).toMatchObject({ state: 'failed' })
  expect(told).toEqual(['running', 'running', false, true, 'running', 'failed'])
  expect(reminded()).toBe(1)
})

test('one that is back when nothing is to be done any more is not', async () => {
  const { end, reminded } = followed([away, 'complete'])
  await vi.advanceTimersByTimeAsync(10_000)
  await end
  expect(reminded()).toBe(0)
})

test('one that stays away ends it', async () => {
  const { end } = followed([away])
  await vi.advanceTimersByTimeAsync(70_000)
  await expect(end).rejects.toMatchObject({ code: 'SUPERNODE_UNREACHABLE' })
})

test('so does one that does not know the job any more', async () => {
  const { end } = followed([new AppError('TASK_NOT_FOUND', 'no such preheat')])
  await vi.advanceTimersByTimeAsync(1000)
  await expect(end).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' })
})
