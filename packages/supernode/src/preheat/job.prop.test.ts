import { isDeepStrictEqual } from 'node:util'
import { taskIdOf } from '@df/codec'
import type { HostId } from '@df/proto'
import fc from 'fast-check'
import { Value } from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { blobOf } from '../test-support/host.ts'
import {
  applyEvent,
  itemState,
  type Job,
  type JobEvent,
  JobSchema,
  MAX_ITEMS,
  type NewItem,
  newJob,
} from './job.ts'

const hosts = ['a', 'b', 'c'].map((letter) => letter.repeat(32) as HostId)
const error = { code: 'ORIGIN_FAILED', message: 'no' }

function itemNo(number: number): NewItem {
  const identity = blobOf(`sha256:${number.toString(16).padStart(64, '0')}`)
  return { task: taskIdOf(identity), identity, url: 'http://r.test/x', platform: null }
}

function jobOf(images = ['r.test/a:1', 'r.test/b:1']): Job {
  return newJob({
    id: '0'.repeat(16),
    key: 'k',
    createdAtMs: 1,
    request: { images },
    hadSecrets: false,
    hosts: hosts.slice(0, 2),
  })
}

const item = fc.nat(4)
const host = fc.constantFrom(...hosts)
const events: fc.Arbitrary<JobEvent> = fc.oneof(
  fc.record({
    type: fc.constant('resolved' as const),
    subject: fc.nat(2),
    items: fc.array(fc.nat(4).map(itemNo), { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('unresolved' as const),
    subject: fc.nat(2),
    error: fc.constant(error),
  }),
  fc.record({ type: fc.constantFrom('seeding' as const, 'seeded' as const), item }),
  fc.record({ type: fc.constant('known' as const), item, contentLength: fc.nat() }),
  fc.record({ type: fc.constant('seed-failed' as const), item, error: fc.constant(error) }),
  fc.record({ type: fc.constantFrom('ordered' as const, 'fetched' as const), item, host }),
  fc.record({ type: fc.constant('order-failed' as const), item, host, error: fc.constant(error) }),
  fc.record({ type: fc.constant('replaced' as const), host, by: host }),
  fc.constant({ type: 'restarted' as const }),
)

describe('a job', () => {
  test('whatever happens is one that can be kept, and ends exactly with the last of its steps', () => {
    fc.assert(
      fc.property(fc.array(events, { maxLength: 60 }), (happened) => {
        const job = jobOf()
        for (const [at, event] of happened.entries()) {
          const before = structuredClone(job)
          applyEvent(job, event, at)
          expect(before.state === 'running' || isDeepStrictEqual(job, before)).toBe(true)
          const isOver =
            job.subjects.every(({ state }) => state !== 'waiting') &&
            job.items.every((one) => ['complete', 'failed'].includes(itemState(one)))
          expect(job.state !== 'running').toBe(isOver)
          expect(job.finishedAtMs !== null).toBe(isOver)
        }
        expect(new Set(job.items.map(({ task }) => task)).size).toBe(job.items.length)
        expect(new Set(job.hosts).size).toBe(2)
        expect(job.items.every((one) => one.hosts.length === 2)).toBe(true)
        expect(Value.Check(JobSchema, JSON.parse(JSON.stringify(job)))).toBe(true)
        const isRight =
          job.errors.length === 0 && job.items.every((one) => itemState(one) === 'complete')
        expect(job.state !== 'complete' || isRight).toBe(true)
      }),
    )
  })

  test('that restarts does what was under way again', () => {
    const job = jobOf(['r.test/a:1'])
    applyEvent(job, { type: 'resolved', subject: 0, items: [itemNo(1)] }, 2)
    applyEvent(job, { type: 'seeding', item: 0 }, 2)
    applyEvent(job, { type: 'ordered', item: 0, host: hosts[0] as HostId }, 2)
    applyEvent(job, { type: 'restarted' }, 3)
    expect(job.items[0]).toMatchObject({ seed: 'w', hosts: 'ww' })
  })

  test('has a bound', () => {
    const job = jobOf(['r.test/a:1'])
    const items = Array.from({ length: MAX_ITEMS + 1 }, (_, at) => itemNo(at))
    applyEvent(job, { type: 'resolved', subject: 0, items }, 2)
    expect(job).toMatchObject({ state: 'failed', items: [], errors: [{ of: 'r.test/a:1' }] })
  })
})
