import { AppError, isAppError } from '@df/proto'

const noSpaceText = /no space left on device|disk quota exceeded/i

/** True for ENOSPC and EDQUOT, also when they come out of the metadata database or as a cause. */
export function isNoSpace(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = errnoOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') return true
  return noSpaceText.test(error.message) || isNoSpace(error.cause)
}

/** The `code` of a system or database error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Whatever failed as an AppError: DISK_FULL for a full disk, else STORAGE_FAILED. `doing` completes "while …". */
export function storageError(error: unknown, doing: string): AppError {
  if (isAppError(error)) return error
  const cause = { cause: error }
  if (isNoSpace(error)) {
    return new AppError('DISK_FULL', `no space left on the disk while ${doing}`, {
      hint: 'free space on the file system of the data directory, or set a smaller quota',
      ...cause,
    })
  }
  const reason = error instanceof Error ? error.message : String(error)
  const isRight = ['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '')
  return new AppError('STORAGE_FAILED', `the store failed while ${doing}: ${reason}`, {
    ...(isRight
      ? { hint: 'choose another folder, or give this user the right to write there' }
      : {}),
    ...cause,
  })
}

/** A request that no correct caller makes. */
export function misuse(message: string): AppError {
  return new AppError('STORAGE_FAILED', message)
}
