import { AppError } from '@df/proto'
import { OUTPUT_CLOSED } from './output.ts'

interface Place {
  /** The output as the user named it. */
  name: string
  /** The folder it lies in, when it is a file. */
  folder?: string
}

/** A system error met at an output, as one sentence that says what, where, and how to mend it. */
export function outputError(cause: unknown, { name, folder }: Place): AppError {
  const code = errnoOf(cause)
  const where = folder ?? name
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError('DISK_FULL', `no space left for '${name}'`, {
        cause,
        hint: 'free some space, or choose another place with -O',
      })
    case 'EPIPE':
      return new AppError('OUTPUT_FAILED', `nobody reads '${name}' any more`, {
        cause,
        detail: { [OUTPUT_CLOSED]: true },
      })
    case 'ENOENT':
      return failed(`there is no folder '${where}'`, 'create it, or choose another one with -O')
    case 'ENOTDIR':
      return failed(`'${where}' is not a folder`, 'choose another place with -O')
    case 'EACCES':
    case 'EPERM':
      return failed(`no right to write in '${where}'`, 'choose another place with -O')
    case 'EROFS':
      return failed(`'${where}' is read-only`, 'choose another place with -O')
    case 'ENAMETOOLONG':
      return failed('the file name is too long', 'choose a shorter one with -O')
    case 'ELOOP':
      return failed('its symbolic links form a loop', 'choose another place with -O')
    case 'EFBIG':
      return failed('the file is too large for this file system or the limit of this user')
    default:
      return failed(cause instanceof Error ? cause.message : String(cause))
  }

  function failed(why: string, hint?: string): AppError {
    return new AppError('OUTPUT_FAILED', `cannot write '${name}': ${why}`, {
      cause,
      ...(hint === undefined ? {} : { hint }),
    })
  }
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}
