import { AppError } from '@df/proto'

/** Detail key of an OUTPUT_FAILED that says only that nobody reads any more: no reason to complain. */
export const OUTPUT_CLOSED = 'outputClosed'

interface Place {
  /** The output as the user named it. */
  name: string
  /** The folder it lies in, when it is a file. */
  folder?: string
}

const otherPlace = 'choose another place with -O'

/** What a system error means at an output (`where` is its folder, or itself), and what can be done. */
const reasons: Readonly<Record<string, (where: string) => [why: string, hint?: string]>> = {
  EACCES: (where) => [`no right to write in '${where}'`, otherPlace],
  EFBIG: () => ['the file is too large for this file system, or for the limit of this user'],
  ELOOP: () => ['its symbolic links form a loop', otherPlace],
  ENAMETOOLONG: () => ['the file name is too long', 'choose a shorter one with -O'],
  ENOENT: (where) => [`there is no folder '${where}'`, 'create it, or choose another one with -O'],
  ENOTDIR: (where) => [`'${where}' is not a folder`, otherPlace],
  EPERM: (where) => [`no right to write in '${where}'`, otherPlace],
  EROFS: (where) => [`'${where}' is read-only`, otherPlace],
}

/** A system error met at an output, as one sentence that says what, where, and how to mend it. */
export function outputError(cause: unknown, { name, folder }: Place): AppError {
  const errno = errnoOf(cause) ?? ''
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    const hint = 'free some space, or choose another place with -O'
    return new AppError('DISK_FULL', `no space left for '${name}'`, { cause, hint })
  }
  if (errno === 'EPIPE') {
    const detail = { [OUTPUT_CLOSED]: true }
    return new AppError('OUTPUT_FAILED', `nobody reads '${name}' any more`, { cause, detail })
  }
  const unforeseen = cause instanceof Error ? cause.message : String(cause)
  const [why, hint] = reasons[errno]?.(folder ?? name) ?? [unforeseen]
  return new AppError('OUTPUT_FAILED', `cannot write '${name}': ${why}`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  })
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}
