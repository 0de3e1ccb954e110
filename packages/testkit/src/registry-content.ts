import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parseReference } from '@df/oci'
import type { Digest } from '@df/proto'
import { type BlobSource, digestOf, fileSource } from './blob-source.ts'
import { type Image, sha256 } from './image.ts'

export interface StoredManifest {
  digest: Digest
  mediaType: string
  bytes: Uint8Array
}

interface Repository {
  blobs: Set<Digest>
  manifests: Map<Digest, StoredManifest>
  tags: Map<string, Digest>
}

/** What a test registry holds. A blob is in the repositories it was put in, and in no other. */
export class RegistryContent {
  readonly #repositories = new Map<string, Repository>()
  readonly #sources = new Map<Digest, BlobSource>()
  #uploads: string | undefined
  #uploadCount = 0

  async addBlob(repository: string, source: BlobSource): Promise<Digest> {
    const digest = await digestOf(source)
    this.#add(repository, digest, source)
    return digest
  }

  addManifest(
    repository: string,
    bytes: Uint8Array,
    { mediaType, tag }: { mediaType: string; tag?: string },
  ): Digest {
    const digest = sha256(bytes)
    const { manifests, tags } = this.#repository(repository)
    manifests.set(digest, { digest, mediaType, bytes })
    if (tag !== undefined) tags.set(tag, digest)
    return digest
  }

  /** Puts an image with all it names under a reference such as `bench/tiny:1`; a registry in it is ignored. */
  addImage(reference: string, image: Image): Digest {
    const { repository, tag } = parseReference(reference)
    return this.#addImage(repository, image, tag)
  }

  /** Takes in an upload, as a file; false when the content has another digest. */
  async receiveBlob(
    repository: string,
    digest: Digest,
    content: AsyncIterable<Uint8Array>,
  ): Promise<boolean> {
    this.#uploads ??= await mkdtemp(join(tmpdir(), 'df-uploads-'))
    const path = join(this.#uploads, String(this.#uploadCount++))
    await pipeline(content, createWriteStream(path))
    const source = await fileSource(path)
    if ((await digestOf(source)) !== digest) return false
    this.#add(repository, digest, source)
    return true
  }

  /** Serves other content under the digest: a registry that is broken, or lies. */
  replaceBlob(digest: Digest, source: BlobSource): void {
    this.#sources.set(digest, source)
  }

  removeBlob(digest: Digest): void {
    this.#sources.delete(digest)
  }

  blob(repository: string, digest: Digest): BlobSource | undefined {
    return this.#repositories.get(repository)?.blobs.has(digest)
      ? this.#sources.get(digest)
      : undefined
  }

  /** By tag or digest. */
  manifest(repository: string, reference: string): StoredManifest | undefined {
    const { manifests, tags } = this.#repositories.get(repository) ?? {}
    return manifests?.get(tags?.get(reference) ?? (reference as Digest))
  }

  manifests(repository: string): StoredManifest[] {
    return [...(this.#repositories.get(repository)?.manifests.values() ?? [])]
  }

  /** In lexical order; undefined for a repository that is not there. */
  tags(repository: string): string[] | undefined {
    const found = this.#repositories.get(repository)
    return found === undefined ? undefined : [...found.tags.keys()].sort()
  }

  repositories(): string[] {
    return [...this.#repositories.keys()].sort()
  }

  /** Removes what was uploaded. */
  async dispose(): Promise<void> {
    if (this.#uploads !== undefined) await rm(this.#uploads, { recursive: true, force: true })
  }

  #addImage(repository: string, image: Image, tag?: string): Digest {
    for (const child of image.children) this.#addImage(repository, child)
    for (const { digest, source } of image.blobs) this.#add(repository, digest, source)
    const { manifest, mediaType } = image
    return this.addManifest(repository, manifest, {
      mediaType,
      ...(tag === undefined ? {} : { tag }),
    })
  }

  #add(repository: string, digest: Digest, source: BlobSource): void {
    this.#repository(repository).blobs.add(digest)
    this.#sources.set(digest, source)
  }

  #repository(name: string): Repository {
    const found = this.#repositories.get(name)
    if (found !== undefined) return found
    const made: Repository = { blobs: new Set(), manifests: new Map(), tags: new Map() }
    this.#repositories.set(name, made)
    return made
  }
}
