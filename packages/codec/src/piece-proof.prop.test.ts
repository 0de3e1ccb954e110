import { createHash } from 'node:crypto'
import type { TaskId } from '@df/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_PROOF_GROUP, ProofVerifier, signPieces } from './piece-proof.ts'
import { generateSigningKey, Keyring } from './signing-key.ts'

const key = generateSigningKey()
const keyring = new Keyring()
keyring.add(key.publicKey)
const subject = {
  task: 'a'.repeat(64) as TaskId,
  generation: '',
  geometry: { contentLength: 1e9, pieceSize: 65536, stripes: 4 },
}
const hashOf = (word: string) => createHash('sha256').update(word).digest()
const group = fc.tuple(fc.nat(100_000), fc.integer({ min: 1, max: MAX_PROOF_GROUP }))

describe('piece proofs', () => {
  test('each piece of a group is proved by its own proof, whatever the size of the group', () => {
    fc.assert(
      fc.property(group, ([first, size]) => {
        const hashes = Array.from({ length: size }, (_, at) => hashOf(`${first}-${at}`))
        const verifier = new ProofVerifier(keyring)
        const proofs = signPieces(key, subject, first, hashes)
        return proofs.every((proof, at) =>
          verifier.verify(subject, first + at, hashes[at] as Buffer, proof),
        )
      }),
      { numRuns: 60 },
    )
  })

  test('a proof with any one byte changed, of another piece, task, generation or geometry fails', () => {
    fc.assert(
      fc.property(
        group,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        ([first, size], where, flip) => {
          const hashes = Array.from({ length: size }, (_, at) => hashOf(`${at}`))
          const proofs = signPieces(key, subject, first, hashes)
          const at = where % size
          const proof = proofs[at] as Buffer
          const hash = hashes[at] as Buffer
          const damaged = Buffer.from(proof)
          damaged[where % damaged.length] = (damaged[where % damaged.length] as number) ^ flip
          const verifier = new ProofVerifier(keyring)
          expect(verifier.verify(subject, first + at, hash, proof)).toBe(true)
          expect(verifier.verify(subject, first + at, hash, damaged)).toBe(false)
          expect(verifier.verify(subject, first + at + 1, hash, proof)).toBe(false)
          expect(verifier.verify(subject, first + at, hashOf('other'), proof)).toBe(false)
          const others = [
            { ...subject, task: 'b'.repeat(64) as TaskId },
            { ...subject, generation: 'ff' },
            { ...subject, geometry: { ...subject.geometry, contentLength: 5 } },
          ]
          for (const other of others) {
            expect(verifier.verify(other, first + at, hash, proof)).toBe(false)
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  test('arbitrary bytes are refused without throwing', () => {
    const verifier = new ProofVerifier(keyring)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(1000), (bytes, index) => {
        expect(verifier.verify(subject, index, hashOf('x'), bytes)).toBe(false)
      }),
    )
  })

  test('a proof of a SuperNode that is not trusted is refused', () => {
    const [proof] = signPieces(generateSigningKey(), subject, 0, [hashOf('a')])
    expect(new ProofVerifier(keyring).verify(subject, 0, hashOf('a'), proof as Buffer)).toBe(false)
  })
})
