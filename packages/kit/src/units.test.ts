import { expect, test } from 'vitest'
import {
  formatDuration,
  formatRate,
  formatSize,
  parseDuration,
  parseRate,
  parseSize,
} from './units.ts'

test.each([
  ['0', 0],
  ['4096', 4096],
  ['1B', 1],
  ['64MiB', 67_108_864],
  ['64 mib', 67_108_864],
  ['1.5KiB', 1536],
  ['10MB', 10_000_000],
  ['10kB', 10_000],
  ['2G', 2_147_483_648],
])('the size %s is %d bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})

test.each([
  ['0', 0],
  ['10MB/s', 10_000_000],
  ['512KiB', 524_288],
  ['100Mbit/s', 12_500_000],
  ['8bit', 1],
])('the rate %s is %d bytes per second', (text, bps) => {
  expect(parseRate(text)).toBe(bps)
})

test.each([
  ['0', 0],
  ['500ms', 500],
  ['30s', 30_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['1d', 86_400_000],
])('the duration %s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each([
  [parseSize, ''],
  [parseSize, '-1'],
  [parseSize, '10Mbit'],
  [parseSize, '1e3'],
  [parseSize, '99999999TiB'],
  [parseRate, 'fast'],
  [parseRate, '1MB/h'],
  [parseDuration, '30'],
  [parseDuration, '30 s'],
  [parseDuration, 's'],
  [parseDuration, '1m 30'],
])('%o refuses %o with an example', (parse, text) => {
  expect(() => parse(text)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', hint: expect.stringContaining('such as') }),
  )
})

test('people see three digits', () => {
  expect([0, 999, 1536, 262_144_000, 99.97 * 1024, 5 * 1024 ** 4].map(formatSize)).toEqual([
    '0 B',
    '999 B',
    '1.50 KiB',
    '250 MiB',
    '100 KiB',
    '5 TiB',
  ])
  expect(formatRate(12_500_000)).toBe('11.9 MiB/s')
  expect([87, 999.7, 12_400, 59_960, 185_000, 7_620_000].map(formatDuration)).toEqual([
    '87ms',
    '1s',
    '12.4s',
    '1m00s',
    '3m05s',
    '2h07m',
  ])
})
