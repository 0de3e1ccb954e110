import { join } from 'node:path'
import { type AppError, isAppError } from '@df/proto'
import { readAuthFile, storedIn } from './auth-file.ts'
import type { DockerConfig } from './docker-config.ts'
import { askCredentialHelper } from './helper.ts'
import type { StoredLogin } from './stored-login.ts'

export interface KeychainOptions {
  env: Readonly<Record<string, string | undefined>>
  /** Of the user. */
  uid: number
  /** A credential helper cannot be used; the login is looked for elsewhere, and may be missing then. */
  onHelperFailed(error: AppError): void
  signal: AbortSignal
}

/**
 * The logins of this user, found where docker, podman and skopeo find them (containers-auth.json(5)): the file that
 * `REGISTRY_AUTH_FILE` names, `$XDG_RUNTIME_DIR/containers/auth.json`, `$XDG_CONFIG_HOME/containers/auth.json`, and
 * `config.json` in `$DOCKER_CONFIG` or `~/.docker`; the first that has a login for a registry counts. Each file is read
 * once.
 */
export class Keychain {
  readonly #options: KeychainOptions
  readonly #files = new Map<string, Promise<DockerConfig | undefined>>()

  constructor(options: KeychainOptions) {
    this.#options = options
  }

  /**
   * The login for a repository, or undefined: then it is asked for as nobody.
   * @throws AppError CONFIG_INVALID for a file that cannot be used; the signal's reason
   */
  async loginFor(registry: string, repository: string): Promise<StoredLogin | undefined> {
    for (const { path, isRequired } of authFiles(this.#options)) {
      const config = await this.#read(path, isRequired)
      if (config === undefined) continue
      const login = await this.#loginIn(config, registry, repository)
      if (login !== undefined) return login
    }
    return undefined
  }

  async #loginIn(
    config: DockerConfig,
    registry: string,
    repository: string,
  ): Promise<StoredLogin | undefined> {
    const helper = config.helpers.get(registry) ?? config.store
    if (helper !== undefined) {
      const found = await this.#ask(helper, registry)
      if (found !== undefined) return found
    }
    return storedIn(config, registry, repository)
  }

  async #ask(helper: string, registry: string): Promise<StoredLogin | undefined> {
    const { env, signal, onHelperFailed } = this.#options
    try {
      return await askCredentialHelper({ helper, server: serverOf(registry), env, signal })
    } catch (error) {
      if (!isAppError(error, 'CONFIG_INVALID')) throw error
      onHelperFailed(error)
      return undefined
    }
  }

  #read(path: string, isRequired: boolean): Promise<DockerConfig | undefined> {
    const known = this.#files.get(path)
    if (known !== undefined) return known
    const reading = readAuthFile(path, { isRequired })
    this.#files.set(path, reading)
    return reading
  }
}

/** The name that `docker login` gives docker.io in its files and to helpers. */
function serverOf(registry: string): string {
  return registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry
}

function authFiles({ env, uid }: KeychainOptions): { path: string; isRequired: boolean }[] {
  const home = env['HOME'] || '/'
  const runtime = env['XDG_RUNTIME_DIR']
  const named = env['REGISTRY_AUTH_FILE']
  const usual = [
    runtime ? join(runtime, 'containers/auth.json') : `/run/containers/${uid}/auth.json`,
    join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'containers/auth.json'),
    join(env['DOCKER_CONFIG'] || join(home, '.docker'), 'config.json'),
  ]
  return [
    ...(named ? [{ path: named, isRequired: true }] : []),
    ...usual.map((path) => ({ path, isRequired: false })),
  ]
}
