import { isAppError } from '@df/proto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Evictable, Space } from './space.ts'

interface Fake extends Evictable {
  storedBytes: number
  idle: boolean
}

const content = fc.record({
  storedBytes: fc.integer({ min: 0, max: 100 }),
  lastUsedAtMs: fc.integer({ min: 0, max: 50 }),
  idle: fc.boolean(),
})

const situation = fc.record({
  contents: fc.array(content, { maxLength: 12 }),
  quotaBytes: fc.integer({ min: 1, max: 600 }),
  highWater: fc.double({ min: 0.5, max: 1, noNaN: true }),
  lowShare: fc.double({ min: 0.2, max: 1, noNaN: true }),
  neededBytes: fc.integer({ min: 0, max: 300 }),
})

function spaceOf(
  all: Fake[],
  options: { quotaBytes: number; highWater: number; lowWater: number },
) {
  const present = new Set(all)
  const evicted: Fake[] = []
  const space: Space<Fake> = new Space<Fake>({
    ...options,
    contents: () => present,
    evict: (one) => {
      present.delete(one)
      evicted.push(one)
      space.giveBack(one.storedBytes)
      return Promise.resolve()
    },
  })
  for (const one of all) space.found(one.storedBytes)
  return { space, evicted, present }
}

function refused(work: () => void): boolean {
  try {
    work()
    return false
  } catch (error) {
    if (isAppError(error, 'DISK_FULL')) return true
    throw error
  }
}

test('room is made from the oldest idle contents, no more than needed, and never beyond the quota', () => {
  fc.assert(
    fc.property(situation, ({ contents, quotaBytes, highWater, lowShare, neededBytes }) => {
      const lowWater = highWater * lowShare
      const { space, evicted, present } = spaceOf(contents, { quotaBytes, highWater, lowWater })
      const total = space.takenBytes
      const heldBytes = contents
        .filter(({ idle }) => !idle)
        .reduce((sum, { storedBytes }) => sum + storedBytes, 0)

      const isRefused = refused(() => space.take(neededBytes))
      const needsEviction = total + neededBytes > quotaBytes * highWater
      expect(isRefused).toBe(needsEviction && heldBytes + neededBytes > quotaBytes)
      expect(evicted.length === 0 || (needsEviction && !isRefused)).toBe(true)
      expect(isRefused || space.takenBytes <= quotaBytes).toBe(true)

      expect(evicted.every(({ idle }) => idle)).toBe(true)
      const newestEvicted = Math.max(...evicted.map(({ lastUsedAtMs }) => lastUsedAtMs))
      const idleLeft = [...present].filter(({ idle }) => idle)
      expect(idleLeft.every(({ lastUsedAtMs }) => lastUsedAtMs >= newestEvicted)).toBe(true)
      const beforeLast = space.takenBytes + (evicted.at(-1)?.storedBytes ?? 0)
      expect(evicted.length === 0 || beforeLast > quotaBytes * lowWater).toBe(true)
    }),
  )
})

test('on a full disk, work is tried again until it fits or nothing idle is left', async () => {
  await fc.assert(
    fc.asyncProperty(situation, async ({ contents, quotaBytes, neededBytes }) => {
      const { space, evicted, present } = spaceOf(contents, {
        quotaBytes,
        highWater: 1,
        lowWater: 0.9,
      })
      const diskBytes = space.takenBytes
      const works = Array.from({ length: 3 }, () =>
        space.retryWhenFull(neededBytes, () => {
          if (space.takenBytes + neededBytes > diskBytes) {
            return Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
          }
          space.found(neededBytes)
          return Promise.resolve()
        }),
      )
      const outcomes = await Promise.allSettled(works)
      const isRefused = outcomes.some(({ status }) => status === 'rejected')
      const isIdleLeft = [...present].some(({ idle }) => idle)
      expect(evicted.every(({ idle }) => idle)).toBe(true)
      expect(isRefused && isIdleLeft).toBe(false)
    }),
  )
})

test('what fails for another reason is not tried again', async () => {
  const { space, evicted } = spaceOf([{ storedBytes: 1, lastUsedAtMs: 0, idle: true }], {
    quotaBytes: 10,
    highWater: 1,
    lowWater: 0.9,
  })
  const broken = () => Promise.reject(new Error('broken'))
  await expect(space.retryWhenFull(1, broken)).rejects.toThrow('broken')
  expect(evicted).toEqual([])
})
