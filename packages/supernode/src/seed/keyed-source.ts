import { createHash } from 'node:crypto'
import { lengthPrefixed, type Source } from '@df/proto'

/** A source, and a name for it under which refusals are remembered. */
export interface KeyedSource {
  /** Hash of URL and headers; says nothing about either. */
  key: string
  /** Scheme, host and port of the URL. */
  host: string
  source: Source
}

export function keyedSource(source: Source): KeyedSource {
  const fields = Object.entries(source.headers ?? {})
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flat()
  const parts = [source.url, ...fields].map((text) => Buffer.from(text))
  return {
    key: createHash('sha256').update(lengthPrefixed(parts)).digest('base64url'),
    host: URL.parse(source.url)?.origin ?? '',
    source,
  }
}
