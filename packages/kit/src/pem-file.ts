import { readFile } from 'node:fs/promises'
import { AppError } from '@df/proto'

/** Certificates of a file that a flag names; undefined when it names none. @throws AppError CONFIG_INVALID */
export async function readCertificates(
  flag: string,
  path: string | undefined,
): Promise<string | undefined> {
  if (path === undefined) return undefined
  const text = await readPem(flag, path)
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw new AppError('CONFIG_INVALID', `${flag}: '${path}' holds no certificate`, {
    hint: 'a PEM file begins with -----BEGIN CERTIFICATE-----',
  })
}

/** The text of a PEM file that a flag names. @throws AppError CONFIG_INVALID */
export async function readPem(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    throw new AppError('CONFIG_INVALID', `${flag}: '${path}' cannot be read (${code})`, {
      cause,
      hint: 'give a PEM file that this user may read',
    })
  }
}
