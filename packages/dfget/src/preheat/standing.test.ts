import { expect, test } from 'vitest'
import { jobErrors, standingOf } from './standing.ts'
import { itemOf, jobOf } from './test-support.ts'

test('bytes count at the SuperNode and at each host', () => {
  const job = jobOf({
    items: [itemOf('a', { seed: 100, hosts: [100, 40] }), itemOf('b', { seed: 10, hosts: [0, 0] })],
  })
  expect(standingOf(job)).toEqual({ bytes: 250, totalBytes: 600, items: 2, complete: 0, failed: 0 })
})

test('how much there is, is unknown while a length is, or while it is not known what an image has', () => {
  const unknown = itemOf('a', { contentLength: null })
  const job = jobOf({ items: [unknown], totals: { bytes: null } })
  expect(standingOf(job).totalBytes).toBeUndefined()
  expect(standingOf(jobOf({})).totalBytes).toBeUndefined()
})

test('what failed is told once for each reason, images that are not there first', () => {
  const error = { code: 'ORIGIN_NOT_FOUND', message: 'r.lan answered 404' }
  const atHost = { code: 'DISK_FULL', message: 'no space left', hint: 'free some' }
  const lost = itemOf('c', { seed: 100, hosts: [100, 50], state: 'failed' })
  const [, second] = lost.hosts
  if (second !== undefined) second.error = atHost
  const job = jobOf({
    state: 'failed',
    errors: [{ of: 'r.lan/gone:1', error: { code: 'ORIGIN_NOT_FOUND', message: 'no such tag' } }],
    items: [
      itemOf('a', { state: 'failed', error }),
      itemOf('b', { state: 'failed', error }),
      lost,
      itemOf('d', { seed: 100 }),
    ],
  })
  expect(jobErrors(job).map(({ code, message, hint }) => [code, message, hint])).toEqual([
    ['ORIGIN_NOT_FOUND', 'r.lan/gone:1: no such tag', undefined],
    ['ORIGIN_NOT_FOUND', 'r.lan/app:1: r.lan answered 404', undefined],
    ['DISK_FULL', `r.lan/app:1: host ${'1'.padStart(32, '0')}: no space left`, 'free some'],
  ])
})

test('a job that is complete has no errors', () => {
  expect(jobErrors(jobOf({ state: 'complete' }))).toEqual([])
})

test('an error of a newer SuperNode is told, its code being unknown here', () => {
  const error = { code: 'MOON_FULL', message: 'the moon is full' }
  const job = jobOf({ state: 'failed', errors: [{ of: 'a', error }] })
  expect(jobErrors(job)).toMatchObject([{ code: 'INTERNAL', message: 'a: the moon is full' }])
})
