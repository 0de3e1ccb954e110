import { parseDigest } from '@df/proto'
import { expect, it } from 'vitest'
import { WrongBlobs } from './wrong-blobs.ts'

const digestOf = (n: number) => parseDigest(`sha256:${n.toString(16).padStart(64, '0')}`)

it('remembers a wrong blob for its time', () => {
  let nowMs = 0
  const wrong = new WrongBlobs({ ttlMs: 100, now: () => nowMs })
  wrong.add(digestOf(1))
  nowMs = 50
  expect(wrong.has(digestOf(1))).toBe(true)
  expect(wrong.has(digestOf(2))).toBe(false)
  nowMs = 100
  expect(wrong.has(digestOf(1))).toBe(false)
})

it('forgets the oldest when there are too many', () => {
  const wrong = new WrongBlobs()
  for (let n = 0; n <= 1000; n++) wrong.add(digestOf(n))
  expect(wrong.has(digestOf(0))).toBe(false)
  expect(wrong.has(digestOf(1))).toBe(true)
  expect(wrong.has(digestOf(1000))).toBe(true)
})
