import type { IncomingMessage } from 'node:http'

/** Header fields by lower-case name; several lines of one name are kept apart. */
export type HeaderFields = Record<string, string | string[]>

/** Fields that concern one connection only (RFC 9110 §7.6.1), with the older ones still seen. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Without these a message is another one: where its body ends, and whom it is for. `Connection` has no say in them. */
const unnameable = new Set(['content-length', 'host'])

/**
 * Tells which fields stay on this side of an intermediary: those of the connection, and those that the values of its
 * `Connection` fields name (RFC 9110 §7.6.1). Names in lower case.
 */
export function stayingFields(connection: readonly string[]): (name: string) => boolean {
  const named = new Set(
    connection.flatMap((value) => value.split(',')).map((name) => name.trim().toLowerCase()),
  )
  return (name) => hopByHop.has(name) || (named.has(name) && !unnameable.has(name))
}

/**
 * What is put to the registry of a caller's fields. A closed list: `authorization` is the only credential among
 * them, so that rights remembered for it are exact, and dropping it on a redirect drops every secret.
 */
const forwarded = [
  'accept',
  'accept-encoding',
  'accept-language',
  'authorization',
  'baggage',
  'cache-control',
  'if-modified-since',
  'if-none-match',
  'traceparent',
  'tracestate',
  'user-agent',
] as const

/** The caller's own fields that go to its registry, all values of each as sent. */
export function callerFields(request: IncomingMessage): HeaderFields {
  const out: HeaderFields = {}
  for (const name of forwarded) {
    const values = request.headersDistinct[name]
    if (values !== undefined) out[name] = values
  }
  return out
}

/** Who asks, of a caller's fields: credentials and program, nothing about formats. */
export function callerIdentity(fields: HeaderFields): Record<string, string> {
  const authorization = fieldValue(fields, 'authorization')
  const userAgent = fieldValue(fields, 'user-agent')
  return {
    ...(authorization === undefined ? {} : { authorization }),
    ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
  }
}

export function withoutCredentials(fields: HeaderFields): HeaderFields {
  const { authorization: _, ...rest } = fields
  return rest
}

/** An answer's fields without those that concern its connection only, also the ones that `Connection` names. */
export function endToEnd(
  fields: Readonly<Record<string, string | string[] | undefined>>,
): HeaderFields {
  const stays = stayingFields([fields['connection'] ?? []].flat())
  const out: HeaderFields = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && !stays(name)) out[name] = value
  }
  return out
}

/** The one value of a field, the first when there are several. */
export function fieldValue(fields: HeaderFields, name: string): string | undefined {
  const value = fields[name]
  return Array.isArray(value) ? value[0] : value
}
