import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Bitfield } from './bitfield.ts'

const sets = fc
  .integer({ min: 0, max: 300 })
  .chain((count) => fc.tuple(fc.constant(count), fc.uniqueArray(fc.nat(Math.max(0, count - 1)))))

describe('Bitfield', () => {
  test('behaves as a set of numbers below its count, and survives its text form', () => {
    fc.assert(
      fc.property(sets, fc.uniqueArray(fc.nat(300)), ([count, added], removed) => {
        const bits = new Bitfield(count)
        const model = new Set<number>()
        for (const index of added) {
          const isNew = index < count && !model.has(index)
          if (index < count) model.add(index)
          expect(bits.add(index)).toBe(isNew)
        }
        for (const index of removed) expect(bits.delete(index)).toBe(model.delete(index))
        expect(bits.size).toBe(model.size)
        expect(bits.full).toBe(model.size === count)
        let missing = 0
        while (model.has(missing)) missing++
        expect(bits.firstMissing()).toBe(Math.min(missing, count))
        const read = Bitfield.parse(bits.toString(), count)
        expect(read.bytes()).toEqual(bits.bytes())
        expect(read.size).toBe(bits.size)
      }),
    )
  })

  test('refuses malformed text instead of guessing', () => {
    for (const text of ['', '8', '8:', '7:all', '8:A', '8:AAAA', '8:!!', '3:_w', '8:A=']) {
      expect(() => Bitfield.parse(text, text.startsWith('3') ? 3 : 8)).toThrow(/bitfield/)
    }
    fc.assert(
      fc.property(fc.string(), fc.nat(64), (text, count) => {
        try {
          return Bitfield.parse(text, count).toString().startsWith(`${count}:`)
        } catch {
          return true
        }
      }),
    )
  })
})
