import { AppError, isAppError } from '@df/proto'

/**
 * What a command finds out before it changes anything.
 * @throws what `plan` throws; of files that cannot be understood it adds that nothing was changed
 */
export function beforeChanges<T>(plan: () => T): T {
  try {
    return plan()
  } catch (cause) {
    if (!isAppError(cause, 'CONFIG_INVALID')) throw cause
    const hint = cause.hint === undefined ? '' : `${cause.hint}; `
    throw new AppError(cause.code, cause.message, { hint: `${hint}nothing was changed`, cause })
  }
}
