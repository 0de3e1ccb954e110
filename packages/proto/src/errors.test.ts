import { describe, expect, test } from 'vitest'
import { AppError, isAppError, toAppError } from './app-error.ts'
import { parseDigest } from './digest.ts'
import { errorCodes, errorInfo, isErrorCode } from './errors.ts'
import { routes } from './routes.ts'

describe('errors', () => {
  test('each code has a status, an exit code and a summary that fit', () => {
    for (const code of errorCodes) {
      const { status, exit, summary } = errorInfo(code)
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(600)
      expect(exit).toBeGreaterThan(0)
      expect(summary.length).toBeGreaterThan(10)
      expect(isErrorCode(code)).toBe(true)
    }
    expect(isErrorCode('toString')).toBe(false)
  })

  test('an AppError is known by its brand, keeps its cause, and is not wrapped twice', () => {
    const cause = new Error('inner')
    const error = toAppError(cause, 'ORIGIN_FAILED')
    expect(isAppError(error, 'ORIGIN_FAILED')).toBe(true)
    expect(isAppError(error, 'INTERNAL')).toBe(false)
    expect(error.cause).toBe(cause)
    expect(toAppError(error)).toBe(error)
    expect(new AppError('PARENT_BUSY', 'x').retryable).toBe(true)
    expect(isAppError(cause)).toBe(false)
  })

  test('a malformed digest is refused with the mend', () => {
    for (const text of ['', 'sha256:', `sha256:${'A'.repeat(64)}`, `md5:${'a'.repeat(32)}`]) {
      expect(() => parseDigest(text)).toThrow(AppError)
    }
    expect(parseDigest(`sha512:${'a'.repeat(128)}`)).toMatch(/^sha512/)
  })
})

test('every route has an access rule and a path of its own', () => {
  const paths = Object.values(routes).map(({ method, path }) => `${method} ${path}`)
  expect(new Set(paths).size).toBe(paths.length)
  for (const { access } of Object.values(routes)) expect(access).toBeTruthy()
})
