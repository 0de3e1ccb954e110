import { AppError } from '@df/proto'
import { describe, expect, test } from 'vitest'
import { PieceWaits } from './piece-waits.ts'

describe('PieceWaits', () => {
  test('all who wait for a piece go on when it is stored; the longest wait is known', async () => {
    let now = 5
    const waits = new PieceWaits(() => now)
    const both = [waits.wait(7), waits.wait(7, new AbortController().signal)]
    now = 9
    const other = waits.wait(3)
    expect([waits.oldestIndex, waits.oldestSinceMs]).toEqual([7, 5])
    waits.stored(7)
    await Promise.all(both)
    expect([waits.oldestIndex, waits.oldestSinceMs]).toEqual([3, 9])
    waits.stored(3)
    await other
    expect(waits.oldestIndex).toBeUndefined()
  })

  test('a failure reaches those who wait and those who come later', async () => {
    const waits = new PieceWaits(() => 0)
    const early = waits.wait(1)
    waits.fail(new AppError('ORIGIN_STALLED', 'nothing comes'))
    await expect(early).rejects.toMatchObject({ code: 'ORIGIN_STALLED' })
    await expect(waits.wait(2)).rejects.toMatchObject({ code: 'ORIGIN_STALLED' })
  })

  test('a caller who leaves does not disturb the others', async () => {
    const waits = new PieceWaits(() => 0)
    const abort = new AbortController()
    const leaving = waits.wait(1, abort.signal)
    const staying = waits.wait(1)
    abort.abort(new Error('left'))
    await expect(leaving).rejects.toThrow('left')
    waits.stored(1)
    await staying
  })
})
