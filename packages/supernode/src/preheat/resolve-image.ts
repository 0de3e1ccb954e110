import { type ImageReference, type IndexChild, indexChildren, manifestDigests } from '@df/oci'
import { AppError, type Digest } from '@df/proto'
import type { Manifest, RegistryReader } from './registry-reader.ts'

/** A blob that whoever pulls the image will ask for. */
export interface ImageBlob {
  digest: Digest
  platform: string | null
}

export interface ResolveOptions {
  reader: RegistryReader
  /** Children of an index that are wanted; undefined for all. */
  platforms: readonly string[] | undefined
  /** Also what refers to the image: signatures, SBOMs, attestations. */
  referrers: boolean
  signal: AbortSignal
}

/** An index in an index in an index is enough for anybody. */
const MAX_DEPTH = 3
/** Manifests that are read for one image. */
const MAX_MANIFESTS = 1000

/**
 * The blobs of an image in the order of its manifests, each once: config and layers, of every child of an index that
 * is wanted. Manifests themselves are none: engines ask the registry for them at each pull.
 * @throws AppError ORIGIN_*; ORIGIN_NOT_FOUND for a platform that the image does not have; ORIGIN_FAILED when the
 *   manifests are none that can be pulled, or too many
 */
export async function resolveImage(
  { repository, tag = 'latest', digest }: ImageReference,
  options: ResolveOptions,
): Promise<ImageBlob[]> {
  const resolution = new Resolution(repository, options)
  await resolution.add(digest ?? tag, { platform: null, depth: 0 })
  resolution.checkPlatforms()
  return resolution.blobs()
}

/** Whether a child for `has` is meant by `wanted`: a variant that is not named may be any. */
export function isPlatform(has: string, wanted: string): boolean {
  const [os, architecture, variant] = has.split('/')
  const [wantedOs, wantedArchitecture, wantedVariant] = wanted.split('/')
  if (os !== wantedOs || architecture !== wantedArchitecture) return false
  if (wantedVariant === undefined || wantedVariant === variant) return true
  // arm64 has one variant, which most images leave out.
  return architecture === 'arm64' && wantedVariant === 'v8' && variant === undefined
}

interface Place {
  platform: string | null
  depth: number
  /** What refers to an image is not asked for its own referrers. */
  isReferrer?: boolean
}

class Resolution {
  readonly #repository: string
  readonly #options: ResolveOptions
  readonly #blobs = new Map<Digest, ImageBlob>()
  readonly #seen = new Set<Digest>()
  readonly #platforms = new Set<string>()
  #manifests = 0

  constructor(repository: string, options: ResolveOptions) {
    this.#repository = repository
    this.#options = options
  }

  blobs(): ImageBlob[] {
    return [...this.#blobs.values()]
  }

  async add(reference: string, place: Place): Promise<void> {
    if (++this.#manifests > MAX_MANIFESTS || place.depth > MAX_DEPTH) {
      throw new AppError('ORIGIN_FAILED', `the image names more manifests than can be followed`)
    }
    const { reader, signal, referrers } = this.#options
    const manifest = await reader.manifest(this.#repository, reference, signal)
    if (this.#seen.has(manifest.digest)) return
    this.#seen.add(manifest.digest)
    const children = indexChildren(manifest.bytes)
    if (children === undefined) this.#addBlobs(manifest, place.platform)
    else await this.#addChildren(children, place)
    if (referrers && place.isReferrer !== true) await this.#addReferrers(manifest.digest, place)
  }

  /** @throws AppError ORIGIN_NOT_FOUND */
  checkPlatforms(): void {
    const has = [...this.#platforms]
    if (has.length === 0) return
    const missing = this.#options.platforms?.filter(
      (wanted) => !has.some((platform) => isPlatform(platform, wanted)),
    )
    if (missing === undefined || missing.length === 0) return
    throw new AppError(
      'ORIGIN_NOT_FOUND',
      `the image has no ${missing.join(', ')}; it has ${has.join(', ')}`.slice(0, 1000),
    )
  }

  async #addChildren(children: readonly IndexChild[], place: Place): Promise<void> {
    for (const { digest, platform, isAttestation } of children) {
      if (platform !== undefined) this.#platforms.add(platform)
      if (!this.#isWanted(platform, isAttestation)) continue
      await this.add(digest, {
        ...place,
        platform: platform ?? place.platform,
        depth: place.depth + 1,
        isReferrer: isAttestation,
      })
    }
  }

  #isWanted(platform: string | undefined, isAttestation: boolean): boolean {
    const { platforms, referrers } = this.#options
    if (isAttestation) return referrers
    if (platforms === undefined || platform === undefined) return true
    return platforms.some((wanted) => isPlatform(platform, wanted))
  }

  #addBlobs({ digest, bytes }: Manifest, platform: string | null): void {
    const { blobs } = manifestDigests(bytes)
    if (blobs.length === 0) {
      throw new AppError(
        'ORIGIN_FAILED',
        `the manifest ${digest} names no blob that can be pulled`,
        {
          hint: 'images of docker schema 1 cannot be preheated: push them again with a newer client',
        },
      )
    }
    for (const blob of blobs) {
      if (!this.#blobs.has(blob)) this.#blobs.set(blob, { digest: blob, platform })
    }
  }

  async #addReferrers(digest: Digest, place: Place): Promise<void> {
    const { reader, signal } = this.#options
    const index = await reader.referrers(this.#repository, digest, signal)
    if (index === undefined) return
    for (const referrer of indexChildren(index) ?? []) {
      await this.add(referrer.digest, { ...place, depth: place.depth + 1, isReferrer: true })
    }
  }
}
