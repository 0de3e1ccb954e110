import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { formatAddress } from '@df/kit'

const hostField = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?$/i

/**
 * Base URL under which the host that sent this request reaches the SuperNode: the name it used itself, which
 * works through port mappings and fits the certificate; else the address it connected to. Told to that host
 * only, so it cannot mislead others.
 */
export function seedUrlOf(request: IncomingMessage): string {
  const { socket, headers } = request
  const scheme = socket instanceof TLSSocket ? 'https' : 'http'
  const named = headers.host ?? ''
  const url = hostField.test(named) ? URL.parse(`${scheme}://${named}`) : null
  if (url !== null) return url.origin
  const address = (socket.localAddress ?? '127.0.0.1').replace(/^::ffff:/, '')
  return `${scheme}://${formatAddress(address, socket.localPort ?? 0)}`
}
