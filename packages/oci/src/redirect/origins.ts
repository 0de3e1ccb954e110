import { AppError, type Digest, parseHttpUrl, routes } from '@df/proto'
import { storedBlob } from './storage-path.ts'

/** What a registry redirected a caller to: content of an origin, by way of us. */
export interface RedirectTarget {
  /** Scheme, host and port; with the path of a configured origin, without a slash at the end. */
  base: string
  /** Scheme, host and port. */
  origin: string
  /** Path below the base, as the origin is asked for it. */
  path: string
  /** Without the question mark, as sent: it may hold a right. */
  query: string
  /** The blob that the path names, if it names one. */
  blob: Digest | undefined
}

export interface RedirectOriginsOptions {
  /** URL that a registry's bare storage paths are below. */
  origin?: string | undefined
  /** `HOST[:PORT][/PATH]`: origins that a path may name, and what of them. */
  allow: readonly string[]
}

/** Sessions and origins take no longer URL. */
const MAX_URL_LENGTH = 8000
const host = /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/i
const named = /^\/origin\/(https?)\/([^/]+)(\/.*)$/
const storagePrefix = routes.storedBlob.path.slice(0, -1)

/** Which origins registries may redirect to by way of us, and what a redirect means. */
export class RedirectOrigins {
  readonly #configured: URL | undefined
  /** Paths without a slash at the end, by host and port. */
  readonly #allowed = new Map<string, string[]>()

  /** @throws AppError CONFIG_INVALID */
  constructor({ origin, allow }: RedirectOriginsOptions) {
    this.#configured = origin === undefined ? undefined : configuredUrl(origin)
    const configured = this.#configured === undefined ? [] : [this.#configured]
    for (const url of [...configured, ...allow.flatMap(allowedUrls)]) {
      const place = portedHost(url)
      const paths = this.#allowed.get(place) ?? []
      this.#allowed.set(place, [...paths, url.pathname.replace(/\/+$/, '')])
    }
  }

  /** Whether `origin` (scheme, host, port) is the configured one, whose address is not guarded. */
  isConfigured(origin: string): boolean {
    return this.#configured?.origin === origin
  }

  /**
   * Reads the target of a request: `/origin/SCHEME/HOST/PATH` names its origin, the storage path of a blob is below the
   * configured one.
   * @throws AppError ROUTE_UNKNOWN, REQUEST_INVALID; ORIGIN_REFUSED for an origin that is not allowed
   */
  parse(requestTarget: string): RedirectTarget {
    const at = requestTarget.indexOf('?')
    const path = at < 0 ? requestTarget : requestTarget.slice(0, at)
    const query = at < 0 ? '' : requestTarget.slice(at + 1)
    const target = path.startsWith(storagePrefix) ? this.#below(path, query) : this.#at(path, query)
    if (target.base.length + path.length + query.length > MAX_URL_LENGTH) {
      throw new AppError(
        'REQUEST_INVALID',
        `the address has more than ${MAX_URL_LENGTH} characters`,
      )
    }
    return target
  }

  #below(path: string, query: string): RedirectTarget {
    const blob = path.lastIndexOf(storagePrefix) === 0 ? storedBlob(path) : undefined
    if (blob === undefined) throw new AppError('ROUTE_UNKNOWN', 'this is no path of a stored blob')
    if (this.#configured === undefined) {
      throw new AppError('ORIGIN_REFUSED', 'it is not said where the storage of the registry is', {
        hint: 'give its URL with --redirect.origin',
      })
    }
    const { origin, pathname } = this.#configured
    return { base: origin + pathname.replace(/\/+$/, ''), origin, path, query, blob }
  }

  #at(pathname: string, query: string): RedirectTarget {
    const [, scheme = '', authority = '', rest = ''] = named.exec(pathname) ?? []
    const url = host.test(authority) ? URL.parse(`${scheme}://${authority}${rest}`) : null
    if (url === null) {
      throw new AppError('ROUTE_UNKNOWN', 'this is no path of the form /origin/https/HOST/PATH')
    }
    const paths = this.#allowed.get(portedHost(url)) ?? []
    const plain = withPlainSlashes(url)
    const isBelow = (allowed: string) =>
      [url, plain].every(({ pathname: path }) => path.startsWith(`${allowed}/`))
    if (!paths.some(isBelow)) {
      throw new AppError('ORIGIN_REFUSED', `this place of ${url.host} may not be redirected to`, {
        hint: `if it is the storage of a registry, add --redirect.allow ${url.host}`,
      })
    }
    // What the origin will be asked for decides, not what was written: `..` and fragments are gone.
    const { origin, pathname: path } = url
    return { base: origin, origin, path, query, blob: storedBlob(path) }
  }
}

/** The address at the origin, with the right that the caller brought. */
export function redirectedUrl({ base, path, query }: RedirectTarget): string {
  return base + path + (query === '' ? '' : `?${query}`)
}

/** As an origin may take it that decodes slashes before it looks for `..`. */
function withPlainSlashes(url: URL): URL {
  return new URL(url.origin + url.pathname.replaceAll(/%(?:2f|5c)/gi, '/'))
}

/** Host and port, the default ones written out. */
function portedHost({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}

function configuredUrl(text: string): URL {
  const url = httpUrl(text)
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new AppError('CONFIG_INVALID', `the URL of ${url.host} has more than a host and a path`, {
      hint: 'rights come with the redirects; write it as https://host[:port][/path]',
    })
  }
  return url
}

function httpUrl(text: string): URL {
  try {
    return parseHttpUrl(text)
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', 'the origin of redirects is not an http or https URL', {
      hint: 'write it in full, as https://host',
      cause,
    })
  }
}

function allowedUrls(text: string): URL[] {
  const [authority = ''] = text.split('/', 1)
  const schemes = /:\d+$/.test(authority) ? ['https'] : ['https', 'http']
  if (host.test(authority) && !/[?#\\]/.test(text) && URL.canParse(`https://${text}`)) {
    return schemes.map((scheme) => new URL(`${scheme}://${text}`))
  }
  throw new AppError('CONFIG_INVALID', `'${text.slice(0, 100)}' is not a host`, {
    hint: 'write HOST, HOST:PORT or HOST/PATH, without a scheme; a host alone means ports 80 and 443',
  })
}
