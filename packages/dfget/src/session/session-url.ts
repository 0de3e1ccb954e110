import { routes } from '@df/proto'

/** Where the session of a SuperNode is, given its http(s) URL. */
export function sessionUrl(supernode: string): URL {
  const url = new URL(routes.session.path, supernode)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url
}
