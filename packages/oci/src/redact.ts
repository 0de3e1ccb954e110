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
