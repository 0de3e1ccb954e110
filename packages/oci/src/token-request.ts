import { originErrorOf } from '@df/kit'
import { AppError, type ErrorCode } from '@df/proto'
import { type Dispatcher, request } from 'undici'
import type { Challenge } from './challenge.ts'
import { redactUrl } from './redact.ts'

const maxBodyBytes = 256 * 1024
/** Of a token without `expires_in` (distribution token spec, "Token response fields"). */
const defaultLifetimeMs = 60_000

/**
 * Where `challenge` of `registry` has its tokens (distribution token spec, "Requesting a Token"). The realm must be
 * https; http only if the registry is spoken to by http, or is on this host.
 * @throws AppError ORIGIN_UNAUTHORIZED (no Bearer challenge, realm not allowed)
 */
export function tokenUrl(challenge: Challenge, registry: URL): URL {
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
  return realm
}

function isPlainAllowed(registry: URL): boolean {
  return (
    registry.protocol === 'http:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(registry.hostname)
  )
}

export interface TokenRequestOptions {
  /** Guards addresses at connect; must not follow redirects. */
  dispatcher: Dispatcher
  timeoutMs: number
  /** Value of `Authorization`; absent for a token that anybody may have. */
  authorization?: string
}

/**
 * Asks for a token. `freshMs`: how long it may be used, some time before it expires.
 * @throws AppError ORIGIN_UNAUTHORIZED, ORIGIN_FORBIDDEN, ORIGIN_RATE_LIMITED, ORIGIN_FAILED, ORIGIN_UNREACHABLE,
 *   ORIGIN_TLS, ORIGIN_STALLED, ORIGIN_REFUSED (address guard)
 */
export async function requestToken(
  url: URL,
  { dispatcher, timeoutMs, authorization }: TokenRequestOptions,
): Promise<{ token: string; freshMs: number }> {
  const server = redactUrl(url)
  const kind = authorization === undefined ? 'an anonymous token' : 'a token with the credentials'
  try {
    const answer = await request(url, {
      dispatcher,
      headers: {
        accept: 'application/json',
        ...(authorization === undefined ? {} : { authorization }),
      },
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await readText(answer.body)
    if (answer.statusCode !== 200)
      throw new AppError(
        codeOf(answer.statusCode),
        `${server} answered ${answer.statusCode} to the request for ${kind}`,
      )
    const { token, lifetimeMs } = parseToken(text, server)
    return { token, freshMs: lifetimeMs - Math.min(10_000, lifetimeMs / 5) }
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
