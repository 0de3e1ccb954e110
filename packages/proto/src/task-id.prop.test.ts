import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalUrl } from './canonical-url.ts'
import { lengthPrefixed } from './task-id.ts'

describe('task identity', () => {
  test('different lists of fields never have the same preimage', () => {
    const fields = fc.array(fc.uint8Array({ maxLength: 8 }), { maxLength: 5 })
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const same = JSON.stringify(a.map(String)) === JSON.stringify(b.map(String))
        const equal = Buffer.from(lengthPrefixed(a)).equals(Buffer.from(lengthPrefixed(b)))
        expect(equal).toBe(same)
      }),
    )
  })

  test('a canonical URL is its own canonical form, and holds no user info and no fragment', () => {
    fc.assert(
      fc.property(
        fc.webUrl({
          withQueryParameters: true,
          withFragments: true,
          validSchemes: ['http', 'https'],
        }),
        (url) => {
          const once = canonicalUrl(url.replace('://', '://user:secret@'))
          expect(canonicalUrl(once)).toBe(once)
          expect(once).not.toContain('secret@')
          expect(once).not.toContain('#')
        },
      ),
    )
  })
})
