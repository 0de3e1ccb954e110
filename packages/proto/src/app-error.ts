import { type ErrorCode, errorInfo } from './errors.ts'

const brand: unique symbol = Symbol.for('dragonfly.AppError')

export interface AppErrorOptions {
  /** What a person can do about it, one sentence. */
  hint?: string
  cause?: unknown
  /** Facts for programs; never a secret. */
  detail?: Readonly<Record<string, string | number | boolean>>
}

/**
 * The one error class of the project. `code` fixes the HTTP status, OCI code, exit code and
 * whether trying again can help (see {@link errorInfo}).
 */
export class AppError extends Error {
  readonly [brand] = true
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly detail: Readonly<Record<string, string | number | boolean>>

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.hint = options.hint
    this.detail = options.detail ?? {}
  }

  get retryable(): boolean {
    return errorInfo(this.code).retryable
  }
}

/** True for an AppError of any copy of this package; with `code`, only for that code. */
export function isAppError(value: unknown, code?: ErrorCode): value is AppError {
  return (
    typeof value === 'object' &&
    value !== null &&
    brand in value &&
    (code === undefined || (value as AppError).code === code)
  )
}

/** Any thrown value as an AppError: AppErrors unchanged, the rest wrapped under `code` with the cause kept. */
export function toAppError(value: unknown, code: ErrorCode = 'INTERNAL'): AppError {
  if (isAppError(value)) return value
  const message = value instanceof Error ? value.message : String(value)
  return new AppError(code, message, { cause: value })
}
