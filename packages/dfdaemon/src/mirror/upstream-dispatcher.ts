import { createAddressGuard, createOriginDispatcher } from '@df/kit'
import type { Dispatcher } from 'undici'
import type { Upstreams } from './upstreams.ts'

export interface UpstreamDispatcherOptions {
  upstreams: Upstreams
  /** Host names, addresses and CIDRs that may be read though they are guarded. */
  allowOrigin: readonly string[]
  connectTimeoutMs?: number
}

/**
 * Connections of this host to registries and other origins. Configured registries are reached wherever they are;
 * what callers name and what redirects lead to passes the address guard (design §8.5).
 */
export function createUpstreamDispatcher(options: UpstreamDispatcherOptions): Dispatcher {
  const { upstreams, allowOrigin, connectTimeoutMs = 3000 } = options
  const configured = createOriginDispatcher({ guard: { check() {} }, connectTimeoutMs })
  const guarded = createOriginDispatcher({
    guard: createAddressGuard({ allow: allowOrigin }),
    connectTimeoutMs,
  })
  return guarded.compose((dispatch) => (request, handler) => {
    const origin = request.origin === undefined ? '' : new URL(request.origin).origin
    return upstreams.isConfigured(origin)
      ? configured.dispatch(request, handler)
      : dispatch(request, handler)
  })
}
