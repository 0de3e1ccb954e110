import { readFile } from 'node:fs/promises'
import { AppError } from '@df/proto'

/**
 * The text of a file with certificates that a flag names; undefined when none is named.
 * @throws AppError USAGE when it cannot be read or holds no certificate
 */
export async function readPem(flag: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new AppError('USAGE', `--${flag}: '${path}' cannot be read: ${why}`, { cause })
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw new AppError('USAGE', `--${flag}: '${path}' holds no certificate`, {
    hint: 'a PEM file begins with -----BEGIN CERTIFICATE-----',
  })
}
