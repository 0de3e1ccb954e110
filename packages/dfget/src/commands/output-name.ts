import { usage } from './command-line.ts'

const MAX_NAME_BYTES = 255

/**
 * The file name that a URL suggests: the last part of its path, decoded.
 * @throws AppError USAGE when it suggests none that could be a file's
 */
export function nameFromUrl(url: URL): string {
  const last = url.pathname.split('/').at(-1) ?? ''
  const name = decode(last)
  const fits = !/[/\p{Cc}]/u.test(name) && Buffer.byteLength(name) <= MAX_NAME_BYTES
  if (name !== '' && name !== '.' && name !== '..' && name !== '-' && fits) return name
  throw usage(
    'the URL does not suggest a file name',
    'name the file with -O FILE, or -O - for standard output',
  )
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
