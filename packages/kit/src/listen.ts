import { once } from 'node:events'
import { type AddressInfo, isIP } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { AppError } from '@df/proto'
import type { FastifyInstance } from 'fastify'
import { trackSockets, type WebServer } from './close-server.ts'

export interface ListenAddress {
  /** IP address (IPv6 without brackets) or name. */
  host: string
  /** 0 lets the system choose. */
  port: number
}

export interface BoundAddress extends ListenAddress {
  /** Base URL under which this host reaches the server: the loopback address when it listens on all. */
  url: string
}

/**
 * Reads `HOST:PORT`, IPv6 addresses in brackets: `0.0.0.0:8002`, `[::1]:0`.
 * @throws AppError CONFIG_INVALID
 */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text.trim())
  const [, v6, name] = match ?? []
  const port = Number(match?.[3])
  const host = v6 ?? name
  if (
    host === undefined ||
    port > 65_535 ||
    (v6 !== undefined && isIP(v6.split('%')[0] ?? '') !== 6)
  ) {
    throw new AppError('CONFIG_INVALID', `'${text}' is not an address to listen on`, {
      hint: 'write HOST:PORT, such as 127.0.0.1:8002, 0.0.0.0:8002 or [::1]:8002; port 0 takes a free one',
    })
  }
  return { host, port }
}

/** `HOST:PORT`, with brackets around IPv6 addresses. */
export function formatAddress(host: string, port: number): string {
  return `${isIP(host.split('%')[0] ?? '') === 6 ? `[${host}]` : host}:${port}`
}

/**
 * Starts listening and gives the address really bound.
 * @throws AppError LISTEN_FAILED
 */
export async function listen(
  server: FastifyInstance | WebServer,
  address: ListenAddress,
): Promise<BoundAddress> {
  // Fastify makes several servers for the name localhost, and only the first of them is tracked.
  const host = address.host === 'localhost' ? '127.0.0.1' : address.host
  const http = 'server' in server ? server.server : server
  trackSockets(http)
  try {
    if ('server' in server) {
      await server.listen({ host, port: address.port, listenTextResolver: () => 'server listens' })
    } else {
      server.listen({ host, port: address.port })
      await once(server, 'listening')
    }
  } catch (error) {
    throw listenError(error, formatAddress(address.host, address.port))
  }
  // A listening TCP server has an AddressInfo: it is null before and after, and a string for pipes only.
  const bound = http.address() as AddressInfo
  const scheme = http instanceof TlsServer ? 'https' : 'http'
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[bound.address] ?? bound.address
  return {
    host: bound.address,
    port: bound.port,
    url: `${scheme}://${formatAddress(reachable, bound.port)}`,
  }
}

const listenHints: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there: stop it, or choose another port (0 takes a free one)',
  EACCES: 'this user may not take that port: choose one above 1023',
  EADDRNOTAVAIL: 'this machine has no such address: see `ip address`, or listen on 0.0.0.0 or [::]',
  EAFNOSUPPORT: 'this machine has no such address family: listen on an IPv4 address',
  ENOTFOUND: 'the name cannot be resolved: write an IP address',
}

function listenError(error: unknown, address: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const hint = listenHints[code]
  // What plugins throw while the server is made ready is not about the address.
  if (!code.startsWith('E')) return error
  return new AppError('LISTEN_FAILED', `cannot listen on ${address} (${code})`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}
