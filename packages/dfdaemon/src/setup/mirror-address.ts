import { formatAddress, parseListen } from '@df/kit'
import { AppError } from '@df/proto'

/**
 * Where engines of this host reach a dfdaemon that listens at `listen`.
 * @throws AppError CONFIG_INVALID for a port that is chosen at each start
 */
export function mirrorUrl(listen: string): string {
  const { host, port } = parseListen(listen)
  if (port === 0) {
    throw new AppError('CONFIG_INVALID', `dfdaemon listens at ${listen}, another port each time`, {
      hint: 'give it a fixed port with --listen, or name the address with --mirror',
    })
  }
  const isAny = host === '0.0.0.0' || host === '::' || host === ''
  const reachable = host === '::' ? '::1' : '127.0.0.1'
  return `http://${formatAddress(isAny ? reachable : host, port)}`
}

/**
 * An address given by the user, as engines take it: scheme, host, port.
 * @throws AppError USAGE
 */
export function checkedMirror(text: string): string {
  const { origin, pathname, search, username } = new URL(text)
  if (pathname === '/' && search === '' && username === '') return origin
  throw new AppError('USAGE', '--mirror has more than a host and a port', {
    hint: 'write it as http://127.0.0.1:65001',
  })
}

/**
 * The registry that requests mean which name none: how its images are called.
 */
export function upstreamRegistry(config: {
  upstream: string
  registry: Readonly<Record<string, string>>
}): string {
  const upstream = new URL(config.upstream)
  const isUpstream = (url: string) => new URL(url).href === upstream.href
  const named = Object.entries(config.registry).find(([, url]) => isUpstream(url))
  if (named !== undefined) return named[0]
  const isHub = /^(registry-1\.|index\.)?docker\.io$/.test(upstream.host)
  return isHub ? 'docker.io' : upstream.host
}
