import { parseDuration } from '@df/kit'
import { AppError, isAppError, parseHttpUrl } from '@df/proto'
import { type FlagValues, usage } from './command-line.ts'

/** Reads a value; what is wrong with it is told with the flag's name. */
export function read<T>(flag: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text)
  } catch (error) {
    if (!isAppError(error)) throw error
    throw new AppError('USAGE', `--${flag}: ${error.message}`, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    })
  }
}

/** The base URL of one of our programs. @throws AppError USAGE */
export function serverUrl(flag: string, text: string): string {
  const url = read(flag, text, parseHttpUrl)
  return url.origin + url.pathname.replace(/\/+$/, '')
}

/** All values of a flag that takes several, each of which may be a list with commas. @throws AppError USAGE */
export function listOf(values: FlagValues, flag: string): string[] {
  const all = values.texts(flag).flatMap((text) => text.split(',').map((part) => part.trim()))
  if (all.includes('')) throw usage(`--${flag} has an empty part`)
  return all
}

/** Milliseconds of `--timeout`; undefined, and 0 as with rates, mean no limit. @throws AppError USAGE */
export function timeoutOf(values: FlagValues): number | undefined {
  const text = values.text('timeout')
  return text === undefined ? undefined : read('timeout', text, parseDuration) || undefined
}
