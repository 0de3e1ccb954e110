import { usage } from './command-line.ts'

const MAX_VALUE_CHARS = 32_768
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
/** Visible characters, spaces and tabs, and bytes above 127 (RFC 9110 §5.5). */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/

/** Decided by us for each request. */
const ours = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'if-range',
  'keep-alive',
  'proxy-connection',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * The headers for the origin, names in lower case: what `--header` gave, and the URL's user info as Basic
 * credentials (RFC 7617) unless `--header` has others.
 * @throws AppError USAGE, without the header's value
 */
export function headersOf(given: readonly string[], url: URL): Record<string, string> {
  const headers = new Map<string, string>()
  if (url.username !== '' || url.password !== '') headers.set('authorization', basicOf(url))
  const named = new Set<string>()
  for (const text of given) {
    const { name, value } = parseHeader(text)
    const before = named.has(name) ? headers.get(name) : undefined
    headers.set(
      name,
      before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`,
    )
    named.add(name)
  }
  return Object.fromEntries(headers)
}

function parseHeader(text: string): { name: string; value: string } {
  const colon = text.indexOf(':')
  const name = text.slice(0, Math.max(0, colon)).trim()
  const value = text.slice(colon + 1).trim()
  if (colon < 1 || !token.test(name)) {
    throw usage('--header needs a name, a colon and a value', "write it as --header 'Name: value'")
  }
  if (ours.has(name.toLowerCase())) {
    throw usage(`--header: dfget decides ${name} itself`, 'leave it out')
  }
  if (!fieldValue.test(value)) {
    throw usage(
      `--header: the value of ${name} has a character that no header can carry`,
      'line breaks and control characters are not allowed',
    )
  }
  if (value.length > MAX_VALUE_CHARS) {
    throw usage(`--header: the value of ${name} is longer than ${MAX_VALUE_CHARS} characters`)
  }
  return { name: name.toLowerCase(), value }
}

function basicOf(url: URL): string {
  const plain = `${decode(url.username)}:${decode(url.password)}`
  return `Basic ${Buffer.from(plain).toString('base64')}`
}

/** User info as typed; what is not percent-encoding is taken as it is. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
