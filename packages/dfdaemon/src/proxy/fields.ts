import type { IncomingMessage } from 'node:http'
import { stayingFields } from '@df/oci'

/** Header fields as they were sent: name, value, name, value … */
export type RawFields = readonly string[]

/** The fields that go on to the other side, names and order as sent; only what concerns the connection stays here. */
export function passedOn(raw: RawFields): string[] {
  const stays = stayingFields(valuesOf(raw, 'connection'))
  return raw.filter((_, index) => !stays((raw[index - (index % 2)] ?? '').toLowerCase()))
}

/** The fields with one of them replaced, or put in front when it is not there. */
export function withField(raw: RawFields, name: string, value: string): string[] {
  const others = raw.filter(
    (_, index) => (raw[index - (index % 2)] ?? '').toLowerCase() !== name.toLowerCase(),
  )
  return [name, value, ...others]
}

function valuesOf(raw: RawFields, name: string): string[] {
  return raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name)
}

/** Whether a body follows the head (RFC 9112 §6). */
export function hasBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  return coding !== undefined || (length !== undefined && length !== '0')
}

/** Fields that the swarm's way with a request knows how to heed, or that say nothing about what is answered. */
const understood = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'authorization',
  'baggage',
  'cache-control',
  'connection',
  'content-length',
  'dnt',
  'docker-distribution-api-version',
  'host',
  'if-range',
  'keep-alive',
  'pragma',
  'priority',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'te',
  'traceparent',
  'tracestate',
  'upgrade-insecure-requests',
  'user-agent',
])

/** A GET that carries nothing (cookies, keys of other kinds, conditions) that could make its answer one for this caller alone. */
export function isPlainGet(request: IncomingMessage): boolean {
  return (
    request.method === 'GET' &&
    !hasBody(request) &&
    Object.keys(request.headers).every(
      (name) => understood.has(name) || name.startsWith('sec-fetch-'),
    )
  )
}
