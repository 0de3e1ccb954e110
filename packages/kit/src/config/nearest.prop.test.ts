import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance, nearest } from './nearest.ts'

const word = fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'b', 'c', '-') })

test('the distance is 0 for equal words only, the same both ways, and at most the longer length', () => {
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b)
      expect(distance === 0).toBe(a === b)
      expect(distance).toBe(editDistance(b, a))
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
      expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length))
    }),
  )
})

test('one typing error is a distance of one', () => {
  fc.assert(
    fc.property(word, fc.nat(), fc.constantFrom('x', 'y'), (text, where, letter) => {
      const at = where % (text.length + 1)
      const inserted = text.slice(0, at) + letter + text.slice(at)
      expect(editDistance(text, inserted)).toBe(1)
      const swapped =
        inserted.slice(0, at) +
        inserted
          .slice(at, at + 2)
          .split('')
          .reverse()
          .join('') +
        inserted.slice(at + 2)
      expect(editDistance(inserted, swapped)).toBeLessThanOrEqual(1)
    }),
  )
})

test('the nearest name is found across the ways of writing it, and far ones are not offered', () => {
  const names = ['--listen', '--peer-listen', '--data-dir']
  expect(nearest('--lsiten', names)).toBe('--listen')
  expect(nearest('dataDir', names)).toBe('--data-dir')
  expect(nearest('DATA_DIR', names)).toBe('--data-dir')
  expect(nearest('--completely-different', names)).toBeUndefined()
})
