import { type AnonymousTokens, type Challenge, parseChallenges } from '@df/oci'
import { isAppError, type Source } from '@df/proto'
import { createOriginClient, type OriginClientOptions, type OriginResponse } from '@df/transfer'

/** Opens one source again and again, each time at another place. */
export interface SourceReader {
  /** @throws AppError as OriginClient.open does */
  open(
    range: { start: number; end: number } | undefined,
    signal: AbortSignal,
  ): Promise<OriginResponse>
}

export interface SourceReaderOptions extends Omit<OriginClientOptions, 'authorize'> {
  tokens: AnonymousTokens
}

/** Headers of a caller's request that are about the caller's own exchange, not about its rights. */
const notPassedOn = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'keep-alive',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** A source without credentials that asks for a Bearer token is read with an anonymous one, kept for the next request. */
export function createSourceReader(source: Source, options: SourceReaderOptions): SourceReader {
  const { tokens, ...clientOptions } = options
  const headers = Object.fromEntries(
    Object.entries(source.headers ?? {}).filter(([name]) => !notPassedOn.has(name.toLowerCase())),
  )
  let anonymous: { challenge: Challenge; registry: URL; authorization: string } | undefined
  const client = createOriginClient({
    ...clientOptions,
    async authorize(field, url, signal) {
      const challenge = parseChallenges(field).find(({ scheme }) => scheme === 'bearer')
      if (challenge === undefined) return undefined
      const registry = new URL(url)
      try {
        const token = await tokens.get(challenge, registry, signal)
        anonymous = { challenge, registry, authorization: `Bearer ${token}` }
        return anonymous.authorization
      } catch {
        // Then the registry's own refusal says more than what is wrong with its token server.
        signal?.throwIfAborted()
        return undefined
      }
    },
  })
  const open: SourceReader['open'] = (range, signal) =>
    client.open({
      url: source.url,
      headers:
        anonymous === undefined ? headers : { ...headers, authorization: anonymous.authorization },
      ...(range === undefined ? {} : { range }),
      signal,
    })

  return {
    async open(range, signal) {
      const before = anonymous
      try {
        return await open(range, signal)
      } catch (error) {
        if (before === undefined || !isAppError(error, 'ORIGIN_UNAUTHORIZED')) throw error
        tokens.forget(before.challenge, before.registry)
        if (anonymous === before) anonymous = undefined
        return open(range, signal)
      }
    },
  }
}
