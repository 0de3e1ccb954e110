import { expect, test } from 'vitest'
import { BufferPool } from './buffer-pool.ts'

test('a buffer given back is taken again for the same length only, and no more is kept than allowed', () => {
  const pool = new BufferPool(300)
  const first = pool.take(100)
  pool.giveBack(first)
  expect(pool.take(99)).not.toBe(first)
  expect(pool.take(100)).toBe(first)
  const four = Array.from({ length: 4 }, () => pool.take(100))
  for (const buffer of four) pool.giveBack(buffer)
  const again = Array.from({ length: 4 }, () => pool.take(100))
  expect(again.filter((buffer) => four.includes(buffer))).toHaveLength(3)
})
