/** A URL as people may see it: without user info, query and fragment, where secrets hide. */
export function publicUrl(text: string): string {
  const url = URL.parse(text)
  return url === null ? '' : `${url.origin}${url.pathname}`
}
