import { isAppError } from '@df/proto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  exactDuration,
  exactRate,
  exactSize,
  formatSize,
  parseDuration,
  parseRate,
  parseSize,
} from './units.ts'

const whole = fc.oneof(
  fc.nat(),
  fc.nat({ max: 2 ** 31 - 1 }).map((number) => number * 2 ** 20 + 1),
  fc.tuple(fc.nat(999), fc.nat(4)).map(([count, power]) => count * 1024 ** power),
)

test('exact texts are read back as the same number', () => {
  fc.assert(
    fc.property(whole, (number) => {
      expect(parseSize(exactSize(number))).toBe(number)
      expect(parseRate(exactRate(number))).toBe(number)
      expect(parseDuration(exactDuration(number))).toBe(number)
    }),
  )
})

test('a text for people is within half a percent of the size', () => {
  fc.assert(
    fc.property(whole, (bytes) => {
      const back = parseSize(formatSize(bytes))
      expect(Math.abs(back - bytes)).toBeLessThanOrEqual(bytes * 0.006)
    }),
  )
})

test('whatever the text, a parser gives a safe number or an error of its own', () => {
  const outcome = (parse: (text: string) => number, text: string) => {
    try {
      return Number.isSafeInteger(parse(text)) ? 'number' : 'unsafe number'
    } catch (error) {
      return isAppError(error, 'CONFIG_INVALID') ? 'refused' : error
    }
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const parse of [parseSize, parseRate, parseDuration]) {
        expect(['number', 'refused']).toContain(outcome(parse, text))
      }
    }),
  )
})
