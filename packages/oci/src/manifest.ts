import { type Digest, isDigest } from '@df/proto'

export interface ManifestDigests {
  /** Config, layers and artifact blobs: what a client that read the manifest asks for under `/blobs/`. */
  blobs: readonly Digest[]
  /** Manifests of an index, and the subject: asked for under `/manifests/`. */
  manifests: readonly Digest[]
}

/** Registries refuse larger manifests (OCI distribution spec, "Pushing manifests": at least 4 MiB). */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024

/**
 * The digests that a manifest or an index names, OCI or docker schema 2. Only the top level is looked at, so that
 * depth costs nothing. A registry may have accepted a manifest without holding what it names, so not everything
 * named proves a right: descriptors with `urls` (content from elsewhere) are left out, and the subject, which need
 * not exist, is kept apart from the blobs. Nothing is named by what is no JSON object, is over 4 MiB, or has both
 * `layers` and `manifests` (an ambiguity that was used for attacks, CVE-2021-41190).
 */
export function manifestDigests(body: Uint8Array): ManifestDigests {
  const manifest = parseObject(body)
  const { config, layers, blobs, manifests, subject } = manifest ?? {}
  if (manifests !== undefined && (layers ?? config) !== undefined)
    return { blobs: [], manifests: [] }
  return {
    blobs: digestsOf([config, ...asArray(layers), ...asArray(blobs)]),
    manifests: digestsOf([...asArray(manifests), subject]),
  }
}

/** One manifest of an index. */
export interface IndexChild {
  digest: Digest
  /** `OS/ARCHITECTURE[/VARIANT]`, when the index says it. */
  platform: string | undefined
  /** Something about the images of the index, such as BuildKit's provenance, and none itself. */
  isAttestation: boolean
}

/** The manifests that an index names, in its order; undefined for what is no index (or is ambiguous, see above). */
export function indexChildren(body: Uint8Array): readonly IndexChild[] | undefined {
  const { manifests, layers, config } = parseObject(body) ?? {}
  if (!Array.isArray(manifests) || (layers ?? config) !== undefined) return undefined
  return manifests.flatMap((descriptor): IndexChild[] => {
    const { digest, platform, annotations } = asRecord(descriptor) ?? {}
    if (typeof digest !== 'string' || !isDigest(digest)) return []
    const kind = asRecord(annotations)?.['vnd.docker.reference.type']
    const text = platformText(platform)
    const isAttestation = kind === 'attestation-manifest' || text === 'unknown/unknown'
    return [{ digest, platform: isAttestation ? undefined : text, isAttestation }]
  })
}

function platformText(platform: unknown): string | undefined {
  const { os, architecture, variant } = asRecord(platform) ?? {}
  const words = [os, architecture, variant].filter(
    (word) => typeof word === 'string' && word !== '',
  )
  return words.length < 2 ? undefined : words.join('/')
}

function parseObject(body: Uint8Array): Record<string, unknown> | undefined {
  if (body.byteLength > MAX_MANIFEST_BYTES) return undefined
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
