import { expect, test } from 'vitest'
import { judgeClocks } from './clock-check.ts'

const mend = 'set the clock: timedatectl set-ntp true, or chronyc makestep'

test('clocks within 30 s agree', () => {
  expect(
    judgeClocks([
      { url: 'http://a', skewMs: -29_000 },
      { url: 'http://b', skewMs: 500 },
    ]),
  ).toEqual([{ level: 'ok', message: 'within 30 s of http://a, http://b' }])
})

test('more is a warning, above five minutes an error', () => {
  expect(judgeClocks([{ url: 'http://a', skewMs: -31_000 }])).toEqual([
    { level: 'warning', message: "http://a: its clock is 31 s behind this host's", mend },
  ])
  expect(judgeClocks([{ url: 'http://a', skewMs: 301_000 }])).toEqual([
    { level: 'error', message: "http://a: its clock is 301 s ahead of this host's", mend },
  ])
})

test('when others agree with this host, the one that does not is wrong', () => {
  const clocks = [
    { url: 'http://a', skewMs: 0 },
    { url: 'http://b', skewMs: 60_000 },
  ]
  expect(judgeClocks(clocks)).toMatchObject([
    { level: 'warning', mend: `${mend} there (others agree with this host)` },
  ])
})

test('without a date there is nothing to compare', () => {
  expect(judgeClocks([{ url: 'http://a', skewMs: undefined }])).toMatchObject([
    { level: 'skipped' },
  ])
})
