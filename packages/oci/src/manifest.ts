import { type Digest, isDigest } from '@df/proto'

export interface ManifestDigests {
  /** Config, layers and artifact blobs: what a client that read the manifest asks for under `/blobs/`. */
  blobs: readonly Digest[]
  /** Manifests of an index, and the subject: asked for under `/manifests/`. */
  manifests: readonly Digest[]
}

/** Registries refuse larger manifests (OCI distribution spec, "Pushing manifests": at least 4 MiB). */
const maxBytes = 4 * 1024 * 1024

/**
 * The digests that a manifest or an index names, OCI or docker schema 2. Only the top level is looked at, so that
 * depth costs nothing. A registry may have accepted a manifest without holding what it names, so not everything
 * named proves a right: descriptors with `urls` (content from elsewhere) are left out, and the subject, which need
 * not exist, is kept apart from the blobs. Nothing is named by what is no JSON object, is over 4 MiB, or has both
 * `layers` and `manifests` (an ambiguity that was used for attacks, CVE-2021-41190).
 */
export function manifestDigests(body: Uint8Array): ManifestDigests {
  const manifest = body.byteLength > maxBytes ? undefined : parseObject(body)
  const { config, layers, blobs, manifests, subject } = manifest ?? {}
  if (manifests !== undefined && (layers ?? config) !== undefined)
    return { blobs: [], manifests: [] }
  return {
    blobs: digestsOf([config, ...asArray(layers), ...asArray(blobs)]),
    manifests: digestsOf([...asArray(manifests), subject]),
  }
}

function parseObject(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    return asRecord(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)))
  } catch {
    return undefined
  }
}

function digestsOf(descriptors: readonly unknown[]): readonly Digest[] {
  const digests = new Set<Digest>()
  for (const descriptor of descriptors) {
    const { digest, urls } = asRecord(descriptor) ?? {}
    if (typeof digest === 'string' && isDigest(digest) && asArray(urls).length === 0)
      digests.add(digest)
  }
  return [...digests]
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}
