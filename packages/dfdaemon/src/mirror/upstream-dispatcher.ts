import { createAddressGuard, createOriginDispatcher } from '@df/kit'
import type { Dispatcher } from 'undici'

export interface UpstreamDispatcherOptions {
  /** Whether an origin (scheme, host, port) was configured by the operator. */
  isConfigured(origin: string): boolean
  /** Host names, addresses and CIDRs that may be read though they are guarded. */
  allowOrigin: readonly string[]
  /** Authorities trusted besides those of Node and of the system, PEM. */
  ca?: string
  connectTimeoutMs?: number
}

export interface UpstreamDispatchers {
  /** Configured origins are reached wherever they are; what callers name and what redirects lead to passes the guard. */
  guarded: Dispatcher
  /** For origins that a program of this host names for itself. */
  unguarded: Dispatcher
}

/** Connections of this host to registries and other origins, with the address guard where it belongs (design §8.5). */
export function createUpstreamDispatchers(options: UpstreamDispatcherOptions): UpstreamDispatchers {
  const { isConfigured, allowOrigin, connectTimeoutMs = 3000 } = options
  const common = { connectTimeoutMs, ...(options.ca === undefined ? {} : { ca: options.ca }) }
  const unguarded = createOriginDispatcher({ ...common, guard: { check() {} } })
  const guarded = createOriginDispatcher({
    ...common,
    guard: createAddressGuard({ allow: allowOrigin }),
  })
  return {
    unguarded,
    guarded: guarded.compose((dispatch) => (request, handler) => {
      const origin = request.origin === undefined ? '' : new URL(request.origin).origin
      return isConfigured(origin)
        ? unguarded.dispatch(request, handler)
        : dispatch(request, handler)
    }),
  }
}
