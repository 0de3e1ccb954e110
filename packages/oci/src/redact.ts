const hidden = '[redacted]'

/** Fields that carry a right; lower case. */
const secretHeaders = new Set([
  'authorization',
  'cookie',
  'df-ticket',
  'proxy-authorization',
  'set-cookie',
  'x-amz-security-token',
  'x-registry-auth',
])

/** Fields whose value is a URL, and so may be signed. */
const urlHeaders = new Set(['content-location', 'location', 'referer'])

/**
 * A URL for logs and messages: user info, query and fragment are dropped, since signed URLs have their right in
 * the query. A text that is no absolute URL is cut likewise.
 */
export function redactUrl(url: string | URL): string {
  const text = String(url)
  const [bare = ''] = text.split(/[?#]/, 1)
  const parsed = URL.parse(bare)
  if (parsed === null || parsed.host === '') return bare.replace(/[^/]*@/g, '')
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}`
}

/** Headers for logs: a copy in which credentials are masked and URLs redacted. */
export function redactHeaders(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string | string[]> {
  const copy: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue
    const mask = masks(name.toLowerCase())
    copy[name] = typeof value === 'string' ? mask(value) : value.map(mask)
  }
  return copy
}

function masks(name: string): (value: string) => string {
  if (secretHeaders.has(name)) return () => hidden
  return urlHeaders.has(name) ? redactUrl : (value) => value
}
