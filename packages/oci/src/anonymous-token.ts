import type { Dispatcher } from 'undici'
import type { Challenge } from './challenge.ts'
import { requestToken, tokenUrl } from './token-request.ts'

export interface AnonymousTokensOptions {
  /** Guards addresses at connect; must not follow redirects. */
  dispatcher: Dispatcher
  /** Time for one answer of a token server; default 8 s. */
  timeoutMs?: number
  /** Milliseconds since the epoch. */
  now?: () => number
}

interface CachedToken {
  token: string
  expiresAtMs: number
}

const maxCached = 1000

/**
 * Tokens that registries give to anybody (distribution token spec): one `GET realm?service=…&scope=…` without any
 * credential, kept until shortly before it expires; callers that ask at once share one request.
 */
export class AnonymousTokens {
  readonly #dispatcher: Dispatcher
  readonly #timeoutMs: number
  readonly #now: () => number
  readonly #cached = new Map<string, CachedToken>()
  readonly #flights = new Map<string, Promise<string>>()

  constructor({ dispatcher, timeoutMs = 8000, now = Date.now }: AnonymousTokensOptions) {
    this.#dispatcher = dispatcher
    this.#timeoutMs = timeoutMs
    this.#now = now
  }

  /**
   * The token for `Authorization: Bearer`, as `challenge` of `registry` asks for it. The realm must be https; http
   * only if the registry is spoken to by http, or is on this host.
   * @throws AppError ORIGIN_UNAUTHORIZED (no Bearer challenge, realm not allowed, token refused), ORIGIN_FORBIDDEN,
   *   ORIGIN_RATE_LIMITED, ORIGIN_FAILED, ORIGIN_UNREACHABLE, ORIGIN_TLS, ORIGIN_STALLED, ORIGIN_REFUSED (address guard)
   */
  async get(challenge: Challenge, registry: URL, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted()
    const url = tokenUrl(challenge, registry)
    const cached = this.#cached.get(url.href)
    if (cached !== undefined && cached.expiresAtMs > this.#now()) return cached.token
    return abortable(this.#flight(url), signal)
  }

  /** Drops the token kept for `challenge`: call it when the registry did not take the token. */
  forget(challenge: Challenge, registry: URL): void {
    this.#cached.delete(tokenUrl(challenge, registry).href)
  }

  #flight(url: URL): Promise<string> {
    const key = url.href
    const running = this.#flights.get(key)
    if (running !== undefined) return running
    const flight = this.#fetch(url).finally(() => this.#flights.delete(key))
    this.#flights.set(key, flight)
    return flight
  }

  async #fetch(url: URL): Promise<string> {
    const key = url.href
    const askedAtMs = this.#now()
    const { token, freshMs } = await requestToken(url, {
      dispatcher: this.#dispatcher,
      timeoutMs: this.#timeoutMs,
    })
    this.#cached.delete(key)
    this.#cached.set(key, { token, expiresAtMs: askedAtMs + freshMs })
    for (const oldest of this.#cached.keys()) {
      if (this.#cached.size <= maxCached) break
      this.#cached.delete(oldest)
    }
    return token
  }
}

/** Gives up waiting when the caller does; the request goes on for the others. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
