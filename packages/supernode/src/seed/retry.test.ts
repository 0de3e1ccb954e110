import { AppError } from '@df/proto'
import { describe, expect, it } from 'vitest'
import { isTransient, withRetries } from './retry.ts'

const passing = () => new AppError('ORIGIN_UNREACHABLE', 'gone for a moment')
const { signal } = new AbortController()

describe('retries', () => {
  it('come up to four times after a first try that failed', async () => {
    let tries = 0
    const attempt = async () => {
      tries++
      throw passing()
    }
    await expect(withRetries(attempt, { signal })).rejects.toMatchObject({
      code: 'ORIGIN_UNREACHABLE',
    })
    expect(tries).toBe(5)
  })

  it('are counted anew after each try that got somewhere', async () => {
    let tries = 0
    const result = await withRetries(
      async () => {
        if (++tries < 12) throw passing()
        return tries
      },
      { signal, progress: () => tries },
    )
    expect(result).toBe(12)
  })

  it('end when nobody wants them any more', async () => {
    const stop = new AbortController()
    const running = withRetries(
      async () => {
        stop.abort(new AppError('TASK_DELETED', 'enough'))
        throw passing()
      },
      { signal: stop.signal },
    )
    await expect(running).rejects.toMatchObject({ code: 'TASK_DELETED' })
  })

  it.each([
    [{ status: 500 }, true],
    [{ status: 503, retryAfter: '1' }, true],
    [{ status: 503, retryAfter: '60' }, false],
    [{ status: 503, retryAfter: 'Wed, 21 Oct 2026 07:28:00 GMT' }, false],
    [{ status: 400 }, false],
    [{ status: 408 }, true],
    [{}, true],
  ])('make sense after an answer of %j: %s', (detail, expected) => {
    expect(isTransient(new AppError('ORIGIN_FAILED', 'x', { detail }))).toBe(expected)
  })

  it('make no sense after a refusal', () => {
    for (const code of ['ORIGIN_NOT_FOUND', 'ORIGIN_REFUSED', 'DISK_FULL', 'INTERNAL'] as const) {
      expect(isTransient(new AppError(code, 'x'))).toBe(false)
    }
  })
})
