import { configuredRegistryUrl, defaultRegistryUrl, type Upstream } from '@df/oci'
import { AppError } from '@df/proto'

export interface UpstreamsOptions {
  /** Registry of requests that name none. */
  upstream: string
  /** What `?ns=HOST` means, by host. */
  registries: Readonly<Record<string, string>>
}

// Domain and port of a reference (distribution reference grammar), or an IPv6 address in brackets.
const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?'
const hostPattern = new RegExp(
  `^(?:${label}(?:\\.${label})*|\\[[0-9a-f:]+(?:\\.[0-9.]+)?\\])(?::[0-9]{1,5})?$`,
)

/** Which registry a request means. */
export class Upstreams {
  readonly #default: Upstream
  readonly #byHost = new Map<string, Upstream>()

  /** @throws AppError CONFIG_INVALID for a URL that is not http(s) or carries user info, a query or a fragment */
  constructor(options: UpstreamsOptions) {
    this.#default = upstreamAt(configuredRegistryUrl(options.upstream))
    for (const [host, url] of Object.entries(options.registries)) {
      const name = registryHost(host)
      if (name === undefined) {
        throw new AppError('CONFIG_INVALID', `'${host.slice(0, 100)}' is not a registry host`, {
          hint: 'write --registry HOST[:PORT]=URL',
        })
      }
      this.#byHost.set(name, upstreamAt(configuredRegistryUrl(url)))
    }
  }

  /**
   * The registry for the `ns` parameter of a request, or the default one without.
   * @throws AppError REQUEST_INVALID when `ns` is not a plain host with an optional port
   */
  resolve(ns: string | undefined): Upstream {
    if (ns === undefined) return this.#default
    const host = registryHost(ns)
    if (host === undefined) {
      throw new AppError('REQUEST_INVALID', "the 'ns' parameter is not a registry host")
    }
    return this.#byHost.get(host) ?? upstreamAt(defaultRegistryUrl(host))
  }

  /** Whether `origin` (scheme, host, port) belongs to a configured registry, whose address is not guarded. */
  isConfigured(origin: string): boolean {
    return this.configured().some((upstream) => upstream.origin === origin)
  }

  configured(): Upstream[] {
    return [this.#default, ...this.#byHost.values()]
  }
}

function registryHost(text: string): string | undefined {
  const host = text.toLowerCase()
  return host.length <= 255 && hostPattern.test(host) && URL.canParse(`https://${host}`)
    ? host
    : undefined
}

function upstreamAt(url: URL): Upstream {
  return { base: `${url.origin}${url.pathname.replace(/\/+$/, '')}`, origin: url.origin }
}
