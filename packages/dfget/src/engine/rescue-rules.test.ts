import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decideRescue, type RescueFacts } from './rescue-rules.ts'

const calm: RescueFacts = {
  nowMs: 20_000,
  startedAtMs: 10_000,
  lastActivityMs: 20_000,
  lengthKnown: true,
  swarm: 'joined',
  hasSwarmFailed: false,
  arePatient: false,
  origin: 'idle',
  readerWaitingSinceMs: undefined,
  recentBps: 10_000_000,
}
const decide = (facts: Partial<RescueFacts>) => decideRescue({ ...calm, ...facts })

describe('decideRescue', () => {
  test('waits while the swarm delivers', () => {
    expect(decide({})).toBe('wait')
    expect(decide({ readerWaitingSinceMs: 19_000 })).toBe('wait')
  })

  test('turns to the origin when there is no swarm, at once', () => {
    expect(decide({ swarm: 'away' })).toBe('read-origin')
    expect(decide({ swarm: 'away', lengthKnown: false, startedAtMs: 20_000 })).toBe('read-origin')
  })

  test('turns to the origin after 3 s without a byte, 5.5 s while the SuperNode still asks for the length', () => {
    expect(decide({ lastActivityMs: 17_100 })).toBe('wait')
    expect(decide({ lastActivityMs: 16_900 })).toBe('read-origin')
    const unknown = { lengthKnown: false, lastActivityMs: 16_000 }
    expect(decide({ ...unknown, startedAtMs: 14_600 })).toBe('wait')
    expect(decide({ ...unknown, startedAtMs: 14_400 })).toBe('read-origin')
  })

  test('turns to the origin when a reader waits too long, or waits in a crawling swarm', () => {
    expect(decide({ readerWaitingSinceMs: 16_900 })).toBe('read-origin')
    expect(decide({ readerWaitingSinceMs: 19_900, recentBps: 1000 })).toBe('read-origin')
    expect(decide({ readerWaitingSinceMs: undefined, recentBps: 1000 })).toBe('wait')
    expect(decide({ readerWaitingSinceMs: 19_900, recentBps: undefined })).toBe('wait')
  })

  test('one turn at a time; gives up when both fail', () => {
    expect(decide({ swarm: 'away', origin: 'reading' })).toBe('wait')
    expect(decide({ swarm: 'away', origin: 'failed' })).toBe('give-up')
    expect(decide({ origin: 'failed' })).toBe('wait')
  })

  test('leaves the origin alone for those who are patient, until the swarm has failed or five minutes passed', () => {
    const patient = { arePatient: true, swarm: 'away', lengthKnown: false } as const
    expect(decide({ ...patient, lastActivityMs: 0 })).toBe('wait')
    expect(decide({ ...patient, nowMs: 320_001 })).toBe('give-up')
    expect(decide({ ...patient, hasSwarmFailed: true })).toBe('give-up')
  })

  test('nothing for 9.5 s is the end for who waits, whatever else is true', () => {
    const anything = fc.record({
      swarm: fc.constantFrom('joined' as const, 'away' as const),
      hasSwarmFailed: fc.boolean(),
      origin: fc.constantFrom('idle' as const, 'reading' as const, 'failed' as const),
      lengthKnown: fc.boolean(),
      readerWaitingSinceMs: fc.option(fc.nat(20_000), { nil: undefined }),
      recentBps: fc.option(fc.nat(), { nil: undefined }),
    })
    fc.assert(
      fc.property(anything, (facts) => {
        expect(decide({ ...facts, lastActivityMs: 10_400 })).toBe('give-up')
      }),
    )
  })
})
