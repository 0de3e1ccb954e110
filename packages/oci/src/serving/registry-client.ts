import { originErrorOf } from '@df/kit'
import { AppError, headers as ownHeaders } from '@df/proto'
import type { Dispatcher } from 'undici'
import { endToEnd, fieldValue, type HeaderFields, withoutCredentials } from './headers.ts'

/** A registry that requests are put to. */
export interface Upstream {
  /** Origin and path prefix without a slash at the end; `/v2/…` is appended. Tells registries apart. */
  readonly base: string
  /** Scheme, host and port: where the caller's credentials may go. */
  readonly origin: string
  /** Named by a program of this host for itself: its address is not guarded, those it redirects to are. */
  readonly isUnguarded?: boolean
}

interface RegistryQuestion {
  upstream: Upstream
  method: 'GET' | 'HEAD'
  /** Path and query below the upstream's base, from `/v2/` on. */
  path: string
  headers: HeaderFields
  /** Time until the headers of the final answer, redirects included. */
  budgetMs: number
  /** Ends the question, and the body after it. */
  signal: AbortSignal
}

export interface RegistryAnswer {
  status: number
  /** End-to-end fields, as sent. */
  headers: HeaderFields
  /** The answer came from where the registry redirected to. */
  redirected: boolean
  /** Bytes as sent, never decoded. Iterating throws AppError ORIGIN_STALLED, ORIGIN_UNREACHABLE. */
  body: AsyncIterable<Buffer>
  /** Gives the body up. */
  discard(): void
}

export interface RegistryClientOptions {
  /** Guards addresses at every connection (kit createOriginDispatcher). */
  dispatcher: Dispatcher
  /** For upstreams that their caller could reach without us; `dispatcher` when absent. */
  unguarded?: Dispatcher
  headersTimeoutMs?: number
  silenceMs?: number
}

/** Puts a caller's question to its registry. */
export interface RegistryClient {
  /**
   * The registry's answer, whatever its status. Redirects are followed, without credentials to any other origin.
   * @throws AppError ORIGIN_UNREACHABLE, ORIGIN_STALLED, ORIGIN_TLS, ORIGIN_REFUSED, ORIGIN_TOO_MANY_REDIRECTS;
   *   the signal's reason when aborted
   */
  ask(question: RegistryQuestion): Promise<RegistryAnswer>
}

const MAX_REDIRECTS = 5
const redirects = new Set([301, 302, 303, 307, 308])

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { dispatcher, unguarded = dispatcher } = options
  const { headersTimeoutMs = 8000, silenceMs = 5000 } = options

  async function ask(question: RegistryQuestion): Promise<RegistryAnswer> {
    const budget = new AbortController()
    const timer = setTimeout(() => {
      budget.abort(new AppError('ORIGIN_STALLED', 'the registry does not answer in time'))
    }, question.budgetMs)
    const signal = AbortSignal.any([question.signal, budget.signal])
    try {
      return await follow(question, signal)
    } catch (error) {
      question.signal.throwIfAborted()
      budget.signal.throwIfAborted()
      throw originErrorOf(error)
    } finally {
      clearTimeout(timer)
    }
  }

  async function follow(question: RegistryQuestion, signal: AbortSignal): Promise<RegistryAnswer> {
    const { upstream } = question
    const seen = new Set<string>()
    let url = new URL(upstream.base + question.path)
    while (true) {
      seen.add(url.href)
      const response = await send(question, url, signal)
      const target = redirectTarget(response, url)
      if (target === undefined) return answerOf(response, question.signal, seen.size > 1)
      giveUp(response)
      if (seen.has(target.href) || seen.size > MAX_REDIRECTS) {
        throw new AppError('ORIGIN_TOO_MANY_REDIRECTS', `${upstream.origin} redirects without end`)
      }
      url = target
    }
  }

  async function send(
    { upstream, method, headers }: RegistryQuestion,
    url: URL,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const isOwn = url.origin === upstream.origin
    const via = isOwn && upstream.isUnguarded === true ? unguarded : dispatcher
    const request = {
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: {
        ...(isOwn ? headers : withoutCredentials(headers)),
        [ownHeaders.originRead]: '1',
      },
      headersTimeout: headersTimeoutMs,
      bodyTimeout: silenceMs,
      signal,
    }
    try {
      return await via.request(request)
    } catch (error) {
      if (signal.aborted || !isBrokenConnection(error)) throw error
      return await via.request(request)
    }
  }

  return { ask }
}

/** Without an answer: registries close kept connections whenever they like, so the same question is put once more. */
function isBrokenConnection(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}

/** Where the answer sends us, or undefined when it is final. @throws AppError ORIGIN_FAILED for another scheme */
function redirectTarget(response: Dispatcher.ResponseData, from: URL): URL | undefined {
  const location = response.headers['location']
  if (!redirects.has(response.statusCode) || typeof location !== 'string') return undefined
  const target = URL.parse(location, from.href)
  if (target === null || (target.protocol !== 'https:' && target.protocol !== 'http:')) {
    giveUp(response)
    throw new AppError('ORIGIN_FAILED', `${from.host} redirects to something that is not http`)
  }
  target.hash = ''
  return target
}

function answerOf(
  response: Dispatcher.ResponseData,
  signal: AbortSignal,
  redirected: boolean,
): RegistryAnswer {
  return {
    status: response.statusCode,
    headers: endToEnd(response.headers),
    redirected,
    body: bodyOf(response, signal),
    discard: () => giveUp(response),
  }
}

async function* bodyOf(
  response: Dispatcher.ResponseData,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) yield chunk
  } catch (error) {
    signal.throwIfAborted()
    throw originErrorOf(error)
  } finally {
    giveUp(response)
  }
}

/** Ends an answer that is not read on. Small rests are read, so that the connection is kept. */
function giveUp(response: Dispatcher.ResponseData): void {
  response.body.on('error', () => {}) // destroyed on purpose
  void response.body.dump({ limit: 16 * 1024 }).catch(() => {}) // whatever its end, nobody waits for it
}

/** Length that the answer announces. */
export function announcedLength(answer: Pick<RegistryAnswer, 'headers'>): number | undefined {
  const text = fieldValue(answer.headers, 'content-length')
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** The registry's own word on this caller: not its to have, not there, too often. */
export function isRefusal(status: number): boolean {
  return status === 401 || status === 403 || status === 404 || status === 429
}
