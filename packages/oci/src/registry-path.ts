import { type Digest, isDigest } from '@df/proto'
import { isRepositoryName, isTag } from './names.ts'

/** What a request of the OCI distribution API is about. */
export type RegistryPath =
  | { kind: 'base' }
  | { kind: 'catalog' }
  | { kind: 'tags'; repository: string }
  | { kind: 'uploads'; repository: string }
  /** `reference` is a tag or a digest. */
  | { kind: 'manifest'; repository: string; reference: string }
  | { kind: 'blob'; repository: string; digest: Digest }
  | { kind: 'referrers'; repository: string; digest: Digest }

const maxLength = 1024

/**
 * Reads the path of a request below `/v2/` (OCI distribution spec, "Endpoints"). `path` is taken as sent; a query
 * is left out. The only escape understood is that of the colon, which some clients write in digests: names need
 * no other, and nothing is ever decoded into a slash or a dot. Gives undefined for whatever is not in the API.
 */
export function parseRegistryPath(path: string): RegistryPath | undefined {
  const [pathname = ''] = path.split('?', 1)
  if (pathname.length > maxLength) return undefined
  if (pathname === '/v2/' || pathname === '/v2') return { kind: 'base' }
  if (!pathname.startsWith('/v2/')) return undefined
  const rest = pathname.slice('/v2/'.length)
  if (rest === '_catalog') return { kind: 'catalog' }
  return uploadsPath(rest) ?? contentPath(rest)
}

function uploadsPath(rest: string): RegistryPath | undefined {
  const repository = /^(.+)\/blobs\/uploads(?:\/[a-zA-Z0-9_.=-]*)?$/.exec(rest)?.[1]
  if (repository === undefined || !isRepositoryName(repository)) return undefined
  return { kind: 'uploads', repository }
}

/** The last two segments say what is meant, as a repository may have components such as `blobs` too. */
function contentPath(rest: string): RegistryPath | undefined {
  const [, repository = '', noun = '', last = ''] = /^(.+)\/([a-z]+)\/([^/]+)$/.exec(rest) ?? []
  if (!isRepositoryName(repository)) return undefined
  const reference = last.replace(/%3a/i, ':')
  switch (noun) {
    case 'tags':
      return reference === 'list' ? { kind: 'tags', repository } : undefined
    case 'manifests':
      return isTag(reference) || isDigest(reference)
        ? { kind: 'manifest', repository, reference }
        : undefined
    case 'blobs':
      return isDigest(reference) ? { kind: 'blob', repository, digest: reference } : undefined
    case 'referrers':
      return isDigest(reference) ? { kind: 'referrers', repository, digest: reference } : undefined
    default:
      return undefined
  }
}
