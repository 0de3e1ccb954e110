import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type ContentRecord,
  decodeContentRecord,
  decodePieceRecord,
  encodeContentRecord,
  encodePieceRecord,
  newContentRecord,
  parsePieceKey,
  pieceKey,
  pieceKeyRange,
} from './records.ts'
import { sample, taskOf } from './test-support/samples.ts'

const owner = { task: taskOf('owner'), birth: '0a1b2c3d' }
const birth = fc.stringMatching(/^[0-9a-f]{8}$/)
const taskName = fc.string()
const sha256 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const proof = fc.uint8Array({ minLength: 1, maxLength: 300 })
const index = fc.integer({ min: 0, max: 2 ** 24 })
const record: fc.Arbitrary<ContentRecord> = fc
  .record({
    name: fc.string(),
    length: fc.integer({ min: 0, max: 10_000 }),
    generation: fc.string(),
    url: fc.string(),
    verified: fc.boolean(),
    suspect: fc.boolean(),
    nowMs: fc.nat(),
    linkedOutMtimeNs: fc.option(fc.bigInt({ min: 0n }).map(String)),
  })
  .map(({ name, length, generation, nowMs, ...rest }) => ({
    ...newContentRecord(sample(name, { length, generation }).meta, nowMs),
    ...rest,
  }))

test('a piece key tells whose it is and its index, in the order of the indexes', () => {
  fc.assert(
    fc.property(index, index, (a, b) => {
      expect(parsePieceKey(pieceKey(owner, a))).toEqual({ ...owner, index: a })
      expect(pieceKey(owner, a) < pieceKey(owner, b)).toBe(a < b)
    }),
  )
})

test('the keys of a content, and no others, lie in its range', () => {
  const within = (key: string) => {
    const { gt, lt } = pieceKeyRange(owner)
    return gt < key && key < lt
  }
  fc.assert(
    fc.property(index, birth, taskName, (at, otherBirth, name) => {
      expect(within(pieceKey(owner, at))).toBe(true)
      fc.pre(otherBirth !== owner.birth)
      expect(within(pieceKey({ ...owner, birth: otherBirth }, at))).toBe(false)
      expect(within(pieceKey({ ...owner, task: taskOf(`other ${name}`) }, at))).toBe(false)
    }),
  )
})

test('any text is a piece key or none', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const key = parsePieceKey(text)
      expect(key === undefined || text.startsWith(`${key.task}:${key.birth}:`)).toBe(true)
    }),
  )
})

test('a piece record is read back as written', () => {
  fc.assert(
    fc.property(sha256, fc.option(proof, { nil: undefined }), (hash, own) => {
      const written = { sha256: hash, ...(own === undefined ? {} : { proof: own }) }
      const read = decodePieceRecord('key', encodePieceRecord('key', written))
      expect(read?.sha256).toEqual(Buffer.from(hash))
      expect(read?.proof).toEqual(own === undefined ? undefined : Buffer.from(own))
    }),
  )
})

test('a content record is read back as written', () => {
  fc.assert(
    fc.property(record, (written) => {
      expect(decodeContentRecord(written.task, encodeContentRecord(written))).toEqual(written)
    }),
  )
})

test('a record that is cut, changed or under another key is none', () => {
  fc.assert(
    fc.property(
      record,
      sha256,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (content, hash, at, flip) => {
        const cases: [string, Buffer, (key: string, value: Buffer) => unknown][] = [
          [content.task, encodeContentRecord(content), decodeContentRecord],
          ['key', encodePieceRecord('key', { sha256: hash }), decodePieceRecord],
        ]
        for (const [key, value, decode] of cases) {
          const changed = Buffer.from(value)
          changed.writeUInt8((changed[at % value.length] ?? 0) ^ flip, at % value.length)
          expect(decode(key, changed)).toBeUndefined()
          expect(decode(key, value.subarray(0, at % value.length))).toBeUndefined()
          expect(decode(`${key}!`, value)).toBeUndefined()
        }
      },
    ),
  )
})

test('any bytes are a record or none', () => {
  fc.assert(
    fc.property(fc.string(), fc.uint8Array({ maxLength: 200 }), (key, bytes) => {
      // A chance match of the CRC-32 is possible, so only that nothing is thrown is certain.
      expect(() => decodePieceRecord(key, Buffer.from(bytes))).not.toThrow()
      expect(() => decodeContentRecord(key, Buffer.from(bytes))).not.toThrow()
    }),
  )
})
