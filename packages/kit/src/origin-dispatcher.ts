import { lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import type { AddressGuard } from './address-guard.ts'

export interface OriginDispatcherOptions {
  guard: AddressGuard
  /** Authorities trusted besides those of Node and of the system, PEM. */
  ca?: string
  /** Takes any certificate. */
  insecure?: boolean
  /** Name resolution, TCP and TLS together. */
  connectTimeoutMs: number
  /** Resolves names; the system's resolver when absent. */
  lookup?: LookupFunction
}

/**
 * An undici dispatcher for addresses that others name: each connection it makes passes the guard, on the
 * resolved address, right before connecting; so do redirects, which the caller must follow itself. HTTP/1.1
 * only. Errors: see {@link originErrorOf}.
 */
export function createOriginDispatcher(options: OriginDispatcherOptions): Dispatcher {
  const { guard, connectTimeoutMs, insecure = false } = options
  const connectorOptions = {
    allowH2: false,
    timeout: connectTimeoutMs,
    lookup: guardedLookup(guard, options.lookup ?? systemLookup),
  }
  const plain = buildConnector(connectorOptions)
  let secure: buildConnector.connector | undefined
  const connect: buildConnector.connector = (target, callback) => {
    try {
      if (isIP(target.hostname) !== 0) guard.check(target.hostname, target.hostname)
    } catch (error) {
      callback(error as Error, null)
      return
    }
    if (target.protocol !== 'https:') {
      plain(target, callback)
      return
    }
    // Reading all authorities costs tens of milliseconds: once, and only when TLS is spoken.
    secure ??= buildConnector({
      ...connectorOptions,
      rejectUnauthorized: !insecure,
      secureContext: trustedContext(options.ca),
    })
    secure(target, callback)
  }
  return new Agent({ connect, allowH2: false })
}

/** For TLS clients: the authorities of Node and of the system, and those of a PEM text besides. Costs tens of milliseconds. */
export function trustedContext(ca?: string): SecureContext {
  const authorities = new Set([...getCACertificates('default'), ...getCACertificates('system')])
  if (ca !== undefined) authorities.add(ca)
  return createSecureContext({ ca: [...authorities] })
}

/** Drops the refused addresses of a name; fails when none is left. */
function guardedLookup(guard: AddressGuard, lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        callback(error, '', 0)
        return
      }
      const addresses = typeof found === 'string' ? [] : found
      let refusal: unknown
      const allowed = addresses.filter(({ address }) => {
        try {
          guard.check(hostname, address)
          return true
        } catch (reason) {
          refusal = reason
          return false
        }
      })
      const first = allowed[0]
      if (first === undefined) callback(refusal as NodeJS.ErrnoException, '', 0)
      else if (options.all) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}
