import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  formatContentRange,
  formatUnsatisfiedRange,
  parseContentRange,
  parseRangeHeader,
} from './range.ts'

const size = fc.nat({ max: Number.MAX_SAFE_INTEGER - 1 })
const digits = fc.stringMatching(/^[0-9]{1,40}$/)

test('a range within the content is given back as it was asked for', () => {
  fc.assert(
    fc.property(size, size, size, (a, b, extra) => {
      const [start, last] = a < b ? [a, b] : [b, a]
      const whole = Math.min(last + 1 + extra, Number.MAX_SAFE_INTEGER)
      expect(parseRangeHeader(`bytes=${start}-${last}`, whole)).toEqual({ start, end: last + 1 })
      expect(parseRangeHeader(`bytes=${start}-`, whole)).toEqual({ start, end: whole })
    }),
  )
})

test('a suffix ends with the content and is cut to its size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1 }), fc.integer({ min: 1 }), (length, whole) => {
      expect(parseRangeHeader(`bytes=-${length}`, whole)).toEqual({
        start: Math.max(0, whole - length),
        end: whole,
      })
    }),
  )
})

test('whatever the numbers, a range is not empty and within the content, and 416 only without any', () => {
  fc.assert(
    fc.property(fc.option(digits), fc.option(digits), size, (first, last, whole) => {
      const range = parseRangeHeader(`bytes=${first ?? ''}-${last ?? ''}`, whole)
      const outside = first === null ? Number(last) === 0 : BigInt(first) >= BigInt(whole)
      expect(
        range === undefined ||
          (range === 'unsatisfiable'
            ? outside
            : range.start >= 0 && range.start < range.end && range.end <= whole),
      ).toBe(true)
    }),
  )
})

test('no text makes the parsers throw', () => {
  const near = fc.stringMatching(/^(bytes)?[=\- ,*/0-9a-z]{0,40}$/)
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), size, (text, whole) => {
      expect(() => [parseRangeHeader(text, whole), parseContentRange(text)]).not.toThrow()
    }),
  )
})

test('Content-Range reads back as it was written', () => {
  fc.assert(
    fc.property(size, size, fc.option(size, { nil: undefined }), (a, b, extra) => {
      const [start, last] = a < b ? [a, b] : [b, a]
      const whole =
        extra === undefined ? undefined : Math.min(last + 1 + extra, Number.MAX_SAFE_INTEGER)
      const text = formatContentRange(start, last + 1, whole)
      expect(parseContentRange(text)).toEqual({ start, end: last + 1, size: whole })
    }),
  )
})

test.each([
  ['bytes=0-0', 1, { start: 0, end: 1 }],
  ['BYTES=2-5', 10, { start: 2, end: 6 }],
  ['bytes=5-', 10, { start: 5, end: 10 }],
  ['bytes=5-99999999999999999999999', 10, { start: 5, end: 10 }],
  ['bytes=-3', 10, { start: 7, end: 10 }],
  ['bytes=-99999999999999999999999', 10, { start: 0, end: 10 }],
  ['bytes= , 2-5 ,', 10, { start: 2, end: 6 }],
  ['bytes=10-', 10, 'unsatisfiable'],
  ['bytes=99999999999999999999999-', 10, 'unsatisfiable'],
  ['bytes=0-', 0, 'unsatisfiable'],
  ['bytes=-0', 10, 'unsatisfiable'],
  ['bytes=-5', 0, undefined],
  ['bytes=0-1,4-5', 10, undefined],
  ['bytes=5-2', 10, undefined],
  ['bytes=9007199254740993-9007199254740992', 10, undefined],
  ['bytes=-', 10, undefined],
  ['bytes=', 10, undefined],
  ['bytes', 10, undefined],
  ['bytes =0-1', 10, undefined],
  ['bytes=0 - 1', 10, undefined],
  ['bytes=+0-1', 10, undefined],
  ['bytes=0x0-1', 10, undefined],
  ['items=0-1', 10, undefined],
  [`bytes=0-${'9'.repeat(600)}`, 10, undefined],
  [undefined, 10, undefined],
])('Range %s of %d bytes is %j', (value, whole, expected) => {
  expect(parseRangeHeader(value, whole)).toEqual(expected)
})

test.each([
  'bytes 5-2/10',
  'bytes 0-10/10',
  'bytes 0-9007199254740992/*',
  'bytes 0-1/99999999999999999999',
  'bytes */10',
  'bytes 0-/10',
  'items 0-1/10',
  '0-1/10',
  '',
  undefined,
])('Content-Range %s cannot be used', (value) => {
  expect(parseContentRange(value)).toBeUndefined()
})

test('a 416 names the size', () => {
  expect(formatUnsatisfiedRange(10)).toBe('bytes */10')
})
