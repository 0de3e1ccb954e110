import { type HostAndPort, readHostAndPort } from './host-pattern.ts'

/** Where a request through the proxy goes. */
export interface Target extends HostAndPort {
  scheme: 'http' | 'https'
  /** Path and query as the caller sent them. */
  path: string
}

/** Path, query and fragment of longer ones are not read at all. */
const maxLength = 32 * 1024

/**
 * Reads the absolute form of a request line (RFC 9112 §3.2.2). Undefined when it is none: another form or scheme, user
 * info, no proper host.
 */
export function readAbsoluteForm(requestTarget: string): Target | undefined {
  if (requestTarget.length > maxLength) return undefined
  const [, scheme = '', authority = '', rest = ''] =
    /^(https?):\/\/([^/?#]*)([^#]*)$/i.exec(requestTarget) ?? []
  if (scheme === '') return undefined
  return targetOf(scheme.toLowerCase() === 'https' ? 'https' : 'http', authority, rest)
}

/** A request inside a tunnel to `at` that we opened: its path is in origin form (RFC 9112 §3.2.1). */
export function readOriginForm(requestTarget: string, at: HostAndPort): Target | undefined {
  if (requestTarget.length > maxLength || !/^(?:\/|\*$)/.test(requestTarget)) return undefined
  return { ...at, scheme: 'https', path: requestTarget }
}

/** True for what only a proxy is asked. */
export function isAbsoluteForm(requestTarget: string | undefined): boolean {
  return requestTarget !== undefined && /^[a-z][a-z0-9+.-]*:\/\//i.test(requestTarget)
}

/** The target as rules see it: dots in the path resolved, no default port. */
export function urlOf({ scheme, host, port, path }: Target): URL | undefined {
  const name = host.includes(':') ? `[${host}]` : host
  return URL.parse(`${scheme}://${name}:${port}${path === '*' ? '/' : path}`) ?? undefined
}

/** The target with what rules made of its URL: the path stays as it was sent. */
export function withOriginOf(target: Target, url: URL): Target {
  const scheme = url.protocol === 'https:' ? 'https' : 'http'
  return {
    ...target,
    scheme,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? defaultPort(scheme) : Number(url.port),
  }
}

/** `host` or `host:port`, as a Host field has it. */
export function authorityOf({ scheme, host, port }: Target): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === defaultPort(scheme) ? name : `${name}:${port}`
}

function targetOf(scheme: Target['scheme'], authority: string, rest: string): Target | undefined {
  const at = readHostAndPort(authority, defaultPort(scheme))
  if (at === undefined) return undefined
  return { ...at, scheme, path: rest.startsWith('/') ? rest : `/${rest}` }
}

function defaultPort(scheme: Target['scheme']): number {
  return scheme === 'https' ? 443 : 80
}
