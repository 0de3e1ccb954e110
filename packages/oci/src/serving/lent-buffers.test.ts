import { BufferPool } from '@df/kit'
import { expect, it } from 'vitest'
import { LentBuffers } from './lent-buffers.ts'

it('uses a buffer again once it was given back', () => {
  const lent = new LentBuffers(new BufferPool(1000))
  const first = lent.take(100)
  expect(lent.take(100)).not.toBe(first)
  lent.giveBack(first)
  expect(lent.take(100)).toBe(first)
})

it('takes nothing in that is not its own, or only a part of it, or back already', () => {
  const pool = new BufferPool(1000)
  const lent = new LentBuffers(pool)
  const own = lent.take(100)
  const foreign = Buffer.alloc(100)
  lent.giveBack(foreign)
  lent.giveBack(own.subarray(0, 100))
  lent.giveBack(own)
  lent.giveBack(own)
  expect(lent.take(100)).toBe(own)
  expect([own, foreign]).not.toContain(lent.take(100))
})
