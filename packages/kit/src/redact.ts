const REDACTED = '[redacted]'

const secretName =
  /(^|[^a-z])(auth|authorization|cookies?|tokens?|tickets?|password|passwd|secrets?|credentials?|api[-_]?key|private[-_]?key)$/

/** Headers whose values may be logged; every other header's value is taken for a secret. */
const harmlessHeaders = new Set([
  'accept',
  'accept-ranges',
  'content-length',
  'content-range',
  'content-type',
  'date',
  'df-priority',
  'df-task',
  'docker-content-digest',
  'etag',
  'host',
  'last-modified',
  'range',
  'retry-after',
  'user-agent',
])

/**
 * A copy of a JSON value that may be logged: the values of secret names (`authorization`, `cookie`, `token`,
 * `ticket`, `password` … at any depth, also as `someToken`), of headers and of name–value arrays are
 * replaced, and every text passes {@link redactText}.
 */
export function redactValue(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return isSecretName(name) ? REDACTED : redactText(value)
  if (typeof value !== 'object' || value === null) return value
  if (isSecretName(name)) return REDACTED
  if (/headers$/i.test(name)) return redactHeaders(value)
  if (Array.isArray(value)) return redactList(value)
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, redactValue(inner, key)]),
  )
}

/** The text without user info and query of URLs, and without what follows `Bearer` or `Basic`. */
export function redactText(text: string): string {
  return text
    .replace(
      /\b(https?:\/\/)(?:[^\s/?#"'@]*@)?([^\s?#"']*)(\?[^\s#"']*)?/gi,
      (_, scheme: string, rest: string, query?: string) =>
        `${scheme}${rest}${query === undefined ? '' : `?${REDACTED}`}`,
    )
    .replace(/\b(Bearer|Basic)\s+[^\s"',]+/gi, `$1 ${REDACTED}`)
}

/** True for names such as `authorization`, `set-cookie`, `operatorToken`, `REGISTRY_PASSWORD`. */
function isSecretName(name: string): boolean {
  return secretName.test(name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase())
}

function redactList(list: readonly unknown[]): unknown[] {
  return list.map((item, index) => {
    const before = list[index - 1]
    const named = typeof item === 'string' && typeof before === 'string' && isSecretName(before)
    return named ? REDACTED : redactValue(item)
  })
}

function redactHeaders(headers: object): unknown {
  if (!Array.isArray(headers)) {
    return Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, headerValue(name, value)]),
    )
  }
  if (headers.every((item) => Array.isArray(item) && item.length === 2)) {
    return headers.map(([name, value]: unknown[]) => [name, headerValue(String(name), value)])
  }
  if (headers.every((item) => typeof item === 'string')) {
    return headers.map((item, at) =>
      at % 2 === 0 ? item : headerValue(headers[at - 1] ?? '', item),
    )
  }
  return REDACTED
}

function headerValue(name: string, value: unknown): unknown {
  return harmlessHeaders.has(name.toLowerCase()) ? redactValue(value) : REDACTED
}
