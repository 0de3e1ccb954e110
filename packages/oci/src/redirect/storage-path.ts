import { type Digest, isDigest } from '@df/proto'

/** What a path of a registry's storage ends with; in buckets the folder of the registry stands before it. */
const blobData = /\/docker\/registry\/v2\/blobs\/(sha256|sha512)\/([0-9a-f]{2})\/([0-9a-f]+)\/data$/

/**
 * The blob that lies at a path of a registry's storage, if the path is one of distribution's (registry/storage/paths.go:
 * `…/docker/registry/v2/blobs/<algorithm>/<first two hex digits>/<hex>/data`); so do Harbor's and GitLab's.
 */
export function storedBlob(path: string): Digest | undefined {
  const [, algorithm, prefix = '', hex = ''] = blobData.exec(path) ?? []
  const digest = `${algorithm}:${hex}`
  return hex.startsWith(prefix) && isDigest(digest) ? digest : undefined
}
