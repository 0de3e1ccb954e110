import { generationOf, parseContentRange, type Validators } from '@df/codec'
import { originErrorOf } from '@df/kit'
import { AppError, isAppError, headers as ownHeaders, parseHttpUrl } from '@df/proto'
import type { Dispatcher } from 'undici'
import { originRefusal } from './origin-refusal.ts'
import { type SilenceWatch, watchSilence } from './silence.ts'

export interface OriginRequest {
  url: string
  /** The caller's own headers; Authorization and Cookie are dropped on a redirect to another host. */
  headers?: Readonly<Record<string, string>>
  method?: 'GET' | 'HEAD'
  /** First byte and byte after the last; without `end` to the end. */
  range?: { start: number; end?: number }
  signal?: AbortSignal
}

/** An answer with content: status 200 or 206. */
export interface OriginResponse {
  status: 200 | 206
  headers: Readonly<Record<string, string>>
  /** Offset of the body's first byte in the content. */
  start: number
  /** Length of the whole content, when the origin tells. */
  totalLength: number | undefined
  validators: Validators
  /** See codec `generationOf`. */
  generation: string
  /**
   * The bytes. Iterating throws AppError ORIGIN_STALLED on silence, ORIGIN_UNREACHABLE when the connection breaks;
   * leaving the loop early gives the connection up.
   */
  body: AsyncIterable<Buffer>
  /** Gives the answer up without reading it. */
  cancel(): void
}

export interface OriginClientOptions {
  /** Guards addresses at every connection (kit createOriginDispatcher). */
  dispatcher: Dispatcher
  /**
   * Called when an origin answers 401 to a request without credentials: gives an Authorization value to try once
   * more with, or undefined. For anonymous tokens.
   */
  authorize?(challenge: string, url: string, signal?: AbortSignal): Promise<string | undefined>
  headersTimeoutMs?: number
  silenceMs?: number
  maxRedirects?: number
}

/** Reads origins: registries and any HTTP server. */
export interface OriginClient {
  /**
   * @throws AppError ORIGIN_UNAUTHORIZED, ORIGIN_FORBIDDEN, ORIGIN_NOT_FOUND, ORIGIN_RATE_LIMITED, ORIGIN_FAILED,
   *   RANGE_INVALID (416) with detail `status`, `wwwAuthenticate`, `retryAfter`; ORIGIN_REFUSED, ORIGIN_UNREACHABLE,
   *   ORIGIN_TLS, ORIGIN_STALLED, ORIGIN_TOO_MANY_REDIRECTS; the signal's reason when aborted
   */
  open(request: OriginRequest): Promise<OriginResponse>
}

const credentialHeaders = new Set(['authorization', 'cookie', 'proxy-authorization'])
const redirectStatuses = new Set([301, 302, 303, 307, 308])

export function createOriginClient(options: OriginClientOptions): OriginClient {
  const headersTimeoutMs = options.headersTimeoutMs ?? 8000
  const silenceMs = options.silenceMs ?? 5000
  const maxRedirects = options.maxRedirects ?? 10

  async function open(request: OriginRequest): Promise<OriginResponse> {
    const watch = watchSilence({
      limitMs: headersTimeoutMs,
      code: 'ORIGIN_STALLED',
      message: 'the origin does not answer',
      parent: request.signal,
    })
    try {
      const { response, url } = await follow(request, watch)
      return contentOf(request, response, url, watch)
    } catch (error) {
      watch.stop()
      request.signal?.throwIfAborted()
      if (isAppError(error)) throw error
      if (watch.signal.aborted) throw watch.signal.reason
      throw originErrorOf(error)
    }
  }

  async function follow(request: OriginRequest, watch: SilenceWatch) {
    let url = parseHttpUrl(request.url)
    let sent = plainHeaders(request)
    let mayAuthorize = !Object.keys(sent).includes('authorization')
    const seen = new Set<string>()
    for (let hop = 0; hop <= maxRedirects; hop++) {
      watch.heard(headersTimeoutMs)
      const response = await ask(request, url, sent, watch)
      const location = response.headers['location']
      if (redirectStatuses.has(response.statusCode) && typeof location === 'string') {
        await response.body.dump()
        const next = redirectTarget(location, url)
        if (seen.has(next.href)) break
        seen.add(next.href)
        if (next.host !== url.host) {
          sent = withoutCredentials(sent)
          mayAuthorize = false
        }
        url = next
        continue
      }
      const challenge = response.headers['www-authenticate']
      if (response.statusCode === 401 && mayAuthorize && typeof challenge === 'string') {
        mayAuthorize = false
        const value = await options.authorize?.(challenge, url.href, request.signal)
        if (value !== undefined) {
          await response.body.dump()
          sent = { ...sent, authorization: value }
          hop--
          continue
        }
      }
      return { response, url }
    }
    throw new AppError('ORIGIN_TOO_MANY_REDIRECTS', `${url.host} redirects without end`)
  }

  function ask(
    request: OriginRequest,
    url: URL,
    sent: Record<string, string>,
    watch: SilenceWatch,
  ): Promise<Dispatcher.ResponseData> {
    return options.dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method ?? 'GET',
      headers: { 'accept-encoding': 'identity', [ownHeaders.originRead]: '1', ...sent },
      headersTimeout: 0,
      bodyTimeout: 0,
      signal: watch.signal,
    })
  }

  async function contentOf(
    request: OriginRequest,
    response: Dispatcher.ResponseData,
    url: URL,
    watch: SilenceWatch,
  ): Promise<OriginResponse> {
    const answer = flatHeaders(response.headers)
    const { statusCode } = response
    if (statusCode !== 200 && statusCode !== 206) {
      response.body.on('error', () => {}) // the rest of a refused body is of no interest
      response.body.destroy()
      watch.stop()
      throw originRefusal(statusCode, answer, url)
    }
    watch.pause()
    const { start, totalLength } = extentOf(statusCode, answer, request, url)
    const validators: Validators = {
      ...(answer['etag'] === undefined ? {} : { etag: answer['etag'] }),
      ...(answer['last-modified'] === undefined ? {} : { lastModified: answer['last-modified'] }),
      ...(totalLength === undefined ? {} : { contentLength: totalLength }),
    }
    return {
      status: statusCode,
      headers: answer,
      start,
      totalLength,
      validators,
      generation: generationOf(validators),
      body: bodyOf(response, request, watch, silenceMs),
      cancel() {
        watch.stop()
        response.body.on('error', () => {}) // destroyed on purpose
        response.body.destroy()
      },
    }
  }

  return { open }
}

async function* bodyOf(
  response: Dispatcher.ResponseData,
  request: OriginRequest,
  watch: SilenceWatch,
  silenceMs: number,
): AsyncGenerator<Buffer, void, undefined> {
  const chunks = (response.body as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  try {
    while (true) {
      watch.heard(silenceMs)
      const { done, value } = await chunks.next()
      watch.pause()
      if (done === true) return
      yield value
    }
  } catch (error) {
    request.signal?.throwIfAborted()
    if (watch.signal.aborted) throw stalledMidway(watch.signal.reason)
    throw originErrorOf(error)
  } finally {
    watch.stop()
    response.body.on('error', () => {}) // an aborted body reports once more
    response.body.destroy()
  }
}

function stalledMidway(reason: unknown): AppError {
  return new AppError('ORIGIN_STALLED', 'the origin stopped sending', { cause: reason })
}

function extentOf(
  status: 200 | 206,
  answer: Readonly<Record<string, string>>,
  request: OriginRequest,
  url: URL,
): { start: number; totalLength: number | undefined } {
  const length = answer['content-length']
  if (status === 200) {
    return { start: 0, totalLength: length === undefined ? undefined : Number(length) }
  }
  const range = parseContentRange(answer['content-range'])
  if (range === undefined || range.start !== (request.range?.start ?? -1)) {
    throw new AppError('ORIGIN_FAILED', `${url.host} answered another range than was asked`, {
      detail: { status },
    })
  }
  return { start: range.start, totalLength: range.size }
}

function plainHeaders(request: OriginRequest): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers ?? {})) out[name.toLowerCase()] = value
  const { range } = request
  if (range !== undefined) {
    out['range'] = `bytes=${range.start}-${range.end === undefined ? '' : range.end - 1}`
  }
  return out
}

function withoutCredentials(sent: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(sent).filter(([name]) => !credentialHeaders.has(name)))
}

function redirectTarget(location: string, from: URL): URL {
  const target = URL.parse(location, from.href)
  if (target !== null && (target.protocol === 'https:' || target.protocol === 'http:')) {
    target.hash = ''
    return target
  }
  throw new AppError('ORIGIN_FAILED', `${from.host} redirects to something that is not http`, {
    detail: { status: 502 },
  })
}

function flatHeaders(source: Dispatcher.ResponseData['headers']): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(source)) {
    if (value !== undefined) out[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return out
}
