import type { Dispatcher } from 'undici'
import type { AnonymousTokens } from './anonymous-token.ts'
import { parseChallenges } from './challenge.ts'
import { requestToken, tokenUrl } from './token-request.ts'

/** A name with its password, or a token that the registry takes as it is. */
export type LoginCredentials = { username: string; password: string } | { token: string }

export interface RegistryLoginOptions {
  /** Whose challenges are answered; the credentials are for it and the token server that it names. */
  registry: URL
  /** Absent: as anybody. */
  credentials?: LoginCredentials
  /** Guards addresses at connect; must not follow redirects. */
  dispatcher: Dispatcher
  anonymous: AnonymousTokens
  /** Milliseconds since the epoch. */
  now?: () => number
}

const TOKEN_TIMEOUT_MS = 8000
const MAX_TOKENS = 1000

/** Answers the challenges of one registry for one caller; holds the tokens it was given. */
export class RegistryLogin {
  readonly #options: RegistryLoginOptions
  readonly #now: () => number
  readonly #tokens = new Map<string, { token: string; untilMs: number }>()

  constructor(options: RegistryLoginOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /**
   * The `Authorization` that a `WWW-Authenticate` field asks for, or undefined when these credentials are no answer to
   * it. A realm without TLS gets nothing unless the registry itself is without, or on this host.
   * @throws AppError ORIGIN_UNAUTHORIZED when the token server refuses; others as AnonymousTokens.get
   */
  async answer(field: string, signal?: AbortSignal): Promise<string | undefined> {
    const { credentials, anonymous, registry } = this.#options
    if (credentials !== undefined && 'token' in credentials) return `Bearer ${credentials.token}`
    const challenges = parseChallenges(field)
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
    if (credentials === undefined) {
      return bearer && `Bearer ${await anonymous.get(bearer, registry, signal)}`
    }
    const { username, password } = credentials
    const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
    if (bearer !== undefined)
      return `Bearer ${await this.#token(tokenUrl(bearer, registry), basic)}`
    return challenges.some(({ scheme }) => scheme === 'basic') ? basic : undefined
  }

  async #token(url: URL, authorization: string): Promise<string> {
    const known = this.#tokens.get(url.href)
    const askedAtMs = this.#now()
    if (known !== undefined && known.untilMs > askedAtMs) return known.token
    const { dispatcher } = this.#options
    const { token, freshMs } = await requestToken(url, {
      dispatcher,
      timeoutMs: TOKEN_TIMEOUT_MS,
      authorization,
    })
    if (this.#tokens.size >= MAX_TOKENS) this.#tokens.clear()
    this.#tokens.set(url.href, { token, untilMs: askedAtMs + freshMs })
    return token
  }
}
