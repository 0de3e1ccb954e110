import { createAddressGuard, createOriginDispatcher } from '@df/kit'
import type { Dispatcher } from 'undici'

export interface UpstreamDispatcherOptions {
  /** Whether an origin (scheme, host, port) was configured by the operator. */
  isConfigured(origin: string): boolean
  /** Host names, addresses and CIDRs that may be read though they are guarded. */
  allowOrigin: readonly string[]
  connectTimeoutMs?: number
}

/**
 * Connections of this host to registries and other origins. Configured ones are reached wherever they are;
 * what callers name and what redirects lead to passes the address guard (design §8.5).
 */
export function createUpstreamDispatcher(options: UpstreamDispatcherOptions): Dispatcher {
  const { isConfigured, allowOrigin, connectTimeoutMs = 3000 } = options
  const configured = createOriginDispatcher({ guard: { check() {} }, connectTimeoutMs })
  const guarded = createOriginDispatcher({
    guard: createAddressGuard({ allow: allowOrigin }),
    connectTimeoutMs,
  })
  return guarded.compose((dispatch) => (request, handler) => {
    const origin = request.origin === undefined ? '' : new URL(request.origin).origin
    return isConfigured(origin) ? configured.dispatch(request, handler) : dispatch(request, handler)
  })
}
