import { parseRegistryPath, type RegistryPath } from '@df/oci'
import { AppError } from '@df/proto'

/** What a request is about, and at which registry. */
export interface Target {
  what: RegistryPath
  /** Path and query as they are put to the registry: canonical path, query without `ns`. */
  path: string
  /** Host of the registry meant, when the caller names one. */
  ns: string | undefined
}

/**
 * Reads a request line's target. Only `ns` is ours (containerd names the registry with it); the rest of the query
 * is kept byte for byte.
 * @throws AppError ROUTE_UNKNOWN for a path that is not in the API; REQUEST_INVALID when `ns` is given twice
 */
export function parseTarget(requestTarget: string): Target {
  const at = requestTarget.indexOf('?')
  const pathname = at < 0 ? requestTarget : requestTarget.slice(0, at)
  const what = parseRegistryPath(pathname)
  if (what === undefined || what.kind === 'uploads') {
    throw new AppError('ROUTE_UNKNOWN', 'there is nothing to pull at this path')
  }
  const parameters = at < 0 ? [] : requestTarget.slice(at + 1).split('&')
  const named = parameters.filter((parameter) => nameOf(parameter) === 'ns')
  const [ns, ...others] = new URLSearchParams(named.join('&')).getAll('ns')
  if (others.length > 0) throw new AppError('REQUEST_INVALID', "the 'ns' parameter is given twice")
  const query = parameters.filter((parameter) => !named.includes(parameter)).join('&')
  return { what, path: pathOf(what) + (query === '' ? '' : `?${query}`), ns }
}

function nameOf(parameter: string): string | undefined {
  const [name] = new URLSearchParams(parameter).keys()
  return name
}

function pathOf(what: Exclude<RegistryPath, { kind: 'uploads' }>): string {
  switch (what.kind) {
    case 'base':
      return '/v2/'
    case 'catalog':
      return '/v2/_catalog'
    case 'tags':
      return `/v2/${what.repository}/tags/list`
    case 'manifest':
      return `/v2/${what.repository}/manifests/${what.reference}`
    case 'referrers':
      return `/v2/${what.repository}/referrers/${what.digest}`
    case 'blob':
      return blobPath(what.repository, what.digest)
  }
}

export function blobPath(repository: string, digest: string): string {
  return `/v2/${repository}/blobs/${digest}`
}
