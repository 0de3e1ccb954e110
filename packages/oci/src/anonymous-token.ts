import { originErrorOf } from '@df/kit'
import { AppError, type ErrorCode } from '@df/proto'
import { type Dispatcher, request } from 'undici'
import type { Challenge } from './challenge.ts'
import { redactUrl } from './redact.ts'

export interface AnonymousTokensOptions {
  /** Guards addresses at connect; must not follow redirects. */
  dispatcher: Dispatcher
  /** Time for one answer of a token server; default 8 s. */
  timeoutMs?: number
  /** Milliseconds since the epoch. */
  now?: () => number
}

interface Ask {
  key: string
  url: URL
}

interface CachedToken {
  token: string
  expiresAtMs: number
}

const maxCached = 1000
const maxBodyBytes = 256 * 1024
/** Of a token without `expires_in` (distribution token spec, "Token response fields"). */
const defaultLifetimeMs = 60_000

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
    const ask = askOf(challenge, registry)
    const cached = this.#cached.get(ask.key)
    if (cached !== undefined && cached.expiresAtMs > this.#now()) return cached.token
    return abortable(this.#flight(ask), signal)
  }

  /** Drops the token kept for `challenge`: call it when the registry did not take the token. */
  forget(challenge: Challenge, registry: URL): void {
    this.#cached.delete(askOf(challenge, registry).key)
  }

  #flight(ask: Ask): Promise<string> {
    const running = this.#flights.get(ask.key)
    if (running !== undefined) return running
    const flight = this.#fetch(ask).finally(() => this.#flights.delete(ask.key))
    this.#flights.set(ask.key, flight)
    return flight
  }

  async #fetch({ key, url }: Ask): Promise<string> {
    const askedAtMs = this.#now()
    const { token, lifetimeMs } = await askForToken(url, this.#dispatcher, this.#timeoutMs)
    const marginMs = Math.min(10_000, lifetimeMs / 5)
    this.#cached.delete(key)
    this.#cached.set(key, { token, expiresAtMs: askedAtMs + lifetimeMs - marginMs })
    for (const oldest of this.#cached.keys()) {
      if (this.#cached.size <= maxCached) break
      this.#cached.delete(oldest)
    }
    return token
  }
}

function askOf(challenge: Challenge, registry: URL): Ask {
  const { scheme, parameters } = challenge
  const realm = URL.parse(parameters.get('realm') ?? '')
  if (scheme !== 'bearer' || realm === null)
    throw new AppError('ORIGIN_UNAUTHORIZED', `${redactUrl(registry)} asks for credentials`)
  if (realm.protocol !== 'https:' && !(realm.protocol === 'http:' && isPlainAllowed(registry)))
    throw new AppError(
      'ORIGIN_UNAUTHORIZED',
      `${redactUrl(registry)} names a token server without TLS: ${redactUrl(realm)}`,
    )
  realm.username = ''
  realm.password = ''
  realm.hash = ''
  const service = parameters.get('service')
  if (service !== undefined) realm.searchParams.set('service', service)
  for (const scope of (parameters.get('scope') ?? '').split(' '))
    if (scope !== '') realm.searchParams.append('scope', scope)
  return { key: realm.href, url: realm }
}

function isPlainAllowed(registry: URL): boolean {
  return (
    registry.protocol === 'http:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(registry.hostname)
  )
}

async function askForToken(
  url: URL,
  dispatcher: Dispatcher,
  timeoutMs: number,
): Promise<{ token: string; lifetimeMs: number }> {
  const server = redactUrl(url)
  try {
    const answer = await request(url, {
      dispatcher,
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await readText(answer.body)
    if (answer.statusCode !== 200)
      throw new AppError(
        codeOf(answer.statusCode),
        `${server} answered ${answer.statusCode} to the request for an anonymous token`,
      )
    return parseToken(text, server)
  } catch (error) {
    throw tokenErrorOf(error, server)
  }
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of body) {
    sizeBytes += chunk.length
    if (sizeBytes > maxBodyBytes)
      throw new AppError('ORIGIN_FAILED', 'the answer of the token server is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parseToken(text: string, server: string): { token: string; lifetimeMs: number } {
  const { token, access_token, expires_in } = parseJson(text) ?? {}
  const value = [token, access_token].find((t) => typeof t === 'string' && /^[!-~]+$/.test(t))
  if (typeof value !== 'string')
    throw new AppError('ORIGIN_FAILED', `${server} answered without a token`)
  const lifetimeMs = typeof expires_in === 'number' ? expires_in * 1000 : defaultLifetimeMs
  return { token: value, lifetimeMs }
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) ?? undefined
  } catch {
    return undefined
  }
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'ORIGIN_UNAUTHORIZED'
  if (status === 403) return 'ORIGIN_FORBIDDEN'
  return status === 429 ? 'ORIGIN_RATE_LIMITED' : 'ORIGIN_FAILED'
}

function tokenErrorOf(error: unknown, server: string): Error {
  return error instanceof Error && error.name === 'TimeoutError'
    ? new AppError('ORIGIN_STALLED', `${server} did not answer in time`, { cause: error })
    : originErrorOf(error)
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
