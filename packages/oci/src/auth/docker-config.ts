import { AppError } from '@df/proto'
import type { StoredLogin } from './stored-login.ts'

/** Where logins are, in one file of docker or podman. Names are registries, or a registry with part of a repository. */
export interface DockerConfig {
  logins: ReadonlyMap<string, StoredLogin>
  /** Registry → the credential helper that keeps its login. */
  helpers: ReadonlyMap<string, string>
  /** The helper for registries that have none of their own. */
  store: string | undefined
}

const maxChars = 1024 * 1024
const base64 = /^[A-Za-z0-9+/]*={0,2}$/
/** What the name of a program may be made of: no folder, no option. */
const helperName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/
const dockerHubNames = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io'])

/**
 * Reads docker's `config.json` or podman's `auth.json` (containers-auth.json(5)). What it holds besides logins does
 * not matter here; an entry of `auths` without a login (as docker leaves it for a helper's) is none.
 * @throws AppError CONFIG_INVALID, naming the entry that is wrong, without its secret
 */
export function parseDockerConfig(text: string): DockerConfig {
  if (text.length > maxChars) throw invalid('it is larger than 1 MiB')
  const { auths, credHelpers, credsStore } = recordOf(parseJson(text), 'it')
  const logins = new Map<string, StoredLogin>()
  for (const [key, entry] of Object.entries(recordOf(auths ?? {}, 'auths'))) {
    const login = loginOf(recordOf(entry ?? {}, `auths of ${key}`), key)
    if (login !== undefined) logins.set(registryKey(key), login)
  }
  const helpers = new Map<string, string>()
  for (const [key, name] of Object.entries(recordOf(credHelpers ?? {}, 'credHelpers'))) {
    const helper = helperOf(name, `credHelpers of ${key}`)
    if (helper !== undefined) helpers.set(registryKey(key), helper)
  }
  return { logins, helpers, store: helperOf(credsStore ?? '', 'credsStore') }
}

/**
 * The names under which the login for a repository may stand, the most particular first: `quay.io/team/app`,
 * `quay.io/team`, `quay.io`.
 */
export function loginKeys(registry: string, repository: string): string[] {
  const parts = [registry, ...repository.split('/')]
  return parts.map((_, dropped) => parts.slice(0, parts.length - dropped).join('/'))
}

/** docker writes whole URLs (`https://index.docker.io/v1/`), whose path does not count; podman names, whose path does. */
function registryKey(text: string): string {
  const bare = text.replace(/^https?:\/\//, '')
  const [host = '', ...path] = bare.split('/')
  const registry = dockerHubNames.has(host) ? 'docker.io' : host
  return bare === text ? [registry, ...path].join('/').replace(/\/+$/, '') : registry
}

function loginOf(entry: Record<string, unknown>, key: string): StoredLogin | undefined {
  const field = (name: string) => textOf(entry[name] ?? '', `${name} of ${key}`)
  const token = field('registrytoken')
  if (token !== '') return { token }
  const identityToken = field('identitytoken')
  if (identityToken !== '') return { identityToken }
  const auth = field('auth')
  if (auth !== '') return decodeAuth(auth, key)
  const username = field('username')
  return username === '' ? undefined : { username, password: field('password') }
}

/** `name:password` in base64; some writers end it with NULs, which docker drops. */
function decodeAuth(auth: string, key: string): StoredLogin {
  const plain = base64.test(auth) ? Buffer.from(auth, 'base64').toString() : ''
  const colon = plain.indexOf(':')
  if (colon < 1) throw invalid(`auth of ${key} is not a name and a password in base64`)
  return {
    username: plain.slice(0, colon),
    password: plain.slice(colon + 1).replace(/\0+$/, ''),
  }
}

function helperOf(value: unknown, what: string): string | undefined {
  const name = textOf(value, what)
  if (name === '') return undefined
  if (!helperName.test(name)) throw invalid(`${what} is not the name of a credential helper`)
  return name
}

function textOf(value: unknown, what: string): string {
  if (typeof value === 'string') return value
  throw invalid(`${what} is not a text`)
}

function recordOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw invalid(`${what} is not an object`)
}

/** The parser's own message would quote the text, which holds secrets. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid('it is not JSON')
  }
}

function invalid(why: string): AppError {
  return new AppError('CONFIG_INVALID', why)
}
