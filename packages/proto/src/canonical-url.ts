import { AppError } from './app-error.ts'
import { unsignedQuery } from './signed-query.ts'

export interface CanonicalUrlOptions {
  /** Query parameters that do not decide the content (request ids, signatures that are not known here). */
  filterQuery?: readonly string[]
}

/**
 * The form of a URL that task ids are made from: scheme and host in lower case, default port and fragment
 * dropped, user info and signatures of storage services dropped (signed-query.ts), named query parameters left out,
 * the rest sorted by name (RFC 3986 §6.2).
 * @throws AppError REQUEST_INVALID when it is not an absolute http(s) URL
 */
export function canonicalUrl(text: string, options: CanonicalUrlOptions = {}): string {
  const url = parseHttpUrl(text)
  url.username = ''
  url.password = ''
  url.hash = ''
  url.search = unsignedQuery(url.search.slice(1), options.filterQuery)
  url.searchParams.sort()
  return url.href
}

/** @throws AppError REQUEST_INVALID when `text` is not an absolute http or https URL */
export function parseHttpUrl(text: string): URL {
  const url = URL.parse(text)
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  throw new AppError('REQUEST_INVALID', `'${text.slice(0, 200)}' is not an http or https URL`, {
    hint: 'write it in full, as https://host/path',
  })
}
