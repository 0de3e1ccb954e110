import { readFile } from 'node:fs/promises'
import { AppError, isAppError } from '@df/proto'
import { type DockerConfig, loginKeys, parseDockerConfig } from './docker-config.ts'
import type { StoredLogin } from './stored-login.ts'

/**
 * The login that stands in this file itself, read anew with each call so that it can be renewed; helpers that the file
 * names are not asked.
 * @throws AppError CONFIG_INVALID when the file is missing or cannot be used
 */
export async function loginInFile(
  path: string,
  registry: string,
  repository: string,
): Promise<StoredLogin | undefined> {
  const config = await readAuthFile(path, { isRequired: true })
  return config && storedIn(config, registry, repository)
}

/** The most particular login that stands in the file itself. */
export function storedIn(
  { logins }: DockerConfig,
  registry: string,
  repository: string,
): StoredLogin | undefined {
  for (const key of loginKeys(registry, repository)) {
    const login = logins.get(key)
    if (login !== undefined) return login
  }
  return undefined
}

/**
 * The logins in one file of docker or podman; undefined when it is missing and need not be there.
 * @throws AppError CONFIG_INVALID, without what the file says
 */
export async function readAuthFile(
  path: string,
  { isRequired }: { isRequired: boolean },
): Promise<DockerConfig | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    if (!isRequired && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined
    throw new AppError('CONFIG_INVALID', `the logins in ${path} cannot be read (${code})`, {
      cause,
      hint: 'make it readable, or remove it',
    })
  }
  try {
    return parseDockerConfig(text)
  } catch (error) {
    if (!isAppError(error, 'CONFIG_INVALID')) throw error
    throw new AppError('CONFIG_INVALID', `the logins in ${path} cannot be read: ${error.message}`, {
      cause: error,
      hint: 'log in again with docker or podman, or mend the file',
    })
  }
}
