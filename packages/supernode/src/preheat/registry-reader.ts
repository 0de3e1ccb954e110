import { createHash } from 'node:crypto'
import { type LoginCredentials, MAX_MANIFEST_BYTES, mediaTypes, RegistryLogin } from '@df/oci'
import {
  AppError,
  type Digest,
  digestAlgorithm,
  digestHex,
  isAppError,
  isDigest,
  type Source,
} from '@df/proto'
import { createOriginClient, type OriginResponse } from '@df/transfer'
import type { SourceReaderOptions } from '../seed/source-reader.ts'

export interface RegistryReaderOptions {
  /** Origin and path prefix; `/v2/…` is appended. */
  base: URL
  credentials?: LoginCredentials
  origin: SourceReaderOptions
}

/** A manifest or an index as the registry has it. */
export interface Manifest {
  digest: Digest
  bytes: Uint8Array
}

const accept = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerList,
  mediaTypes.dockerManifest,
].join(', ')

/** Reads manifests of one registry, and says how its blobs are read; with one caller's credentials or none. */
export class RegistryReader {
  readonly #options: RegistryReaderOptions
  readonly #login: RegistryLogin
  readonly #base: string

  constructor(options: RegistryReaderOptions) {
    const { base, credentials, origin } = options
    this.#options = options
    this.#base = `${base.origin}${base.pathname.replace(/\/+$/, '')}/v2`
    this.#login = new RegistryLogin({
      registry: base,
      ...(credentials === undefined ? {} : { credentials }),
      dispatcher: origin.dispatcher,
      anonymous: origin.tokens,
    })
  }

  /** Whether it reads with somebody's credentials. */
  get hasCredentials(): boolean {
    return this.#options.credentials !== undefined
  }

  /**
   * @throws AppError ORIGIN_*; CONTENT_DIGEST_MISMATCH when it is not what its digest says; ORIGIN_FAILED over 4 MiB
   */
  async manifest(repository: string, reference: string, signal: AbortSignal): Promise<Manifest> {
    const url = `${this.#base}/${repository}/manifests/${reference}`
    const { response } = await this.#open({ url, headers: { accept } }, signal)
    return checked(await read(response, url), reference)
  }

  /**
   * The index of what refers to a manifest: by the referrers API, else by the tag that takes its place where the
   * registry has none (OCI distribution spec, "Listing Referrers"). Undefined when there is nothing.
   * @throws AppError as {@link manifest}
   */
  async referrers(
    repository: string,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const url = `${this.#base}/${repository}/referrers/${digest}`
    try {
      const { response } = await this.#open({ url, headers: { accept } }, signal)
      return await read(response, url)
    } catch (error) {
      if (!isAppError(error, 'ORIGIN_NOT_FOUND')) throw error
    }
    try {
      const tag = digest.replace(':', '-')
      return (await this.manifest(repository, tag, signal)).bytes
    } catch (error) {
      if (isAppError(error, 'ORIGIN_NOT_FOUND')) return undefined
      throw error
    }
  }

  blobUrl(repository: string, digest: Digest): string {
    return `${this.#base}/${repository}/blobs/${digest}`
  }

  /**
   * Where a blob is read, with what the registry asks for at this moment: tokens live for minutes.
   * @throws AppError ORIGIN_*
   */
  async blobSource(repository: string, digest: Digest, signal: AbortSignal): Promise<Source> {
    const url = this.blobUrl(repository, digest)
    // The seed gets anonymous tokens by itself.
    if (!this.hasCredentials) return { url }
    const { response, authorization } = await this.#open({ url, method: 'HEAD' }, signal)
    response.cancel()
    return authorization === undefined ? { url } : { url, headers: { authorization } }
  }

  async #open(
    request: { url: string; method?: 'HEAD'; headers?: Record<string, string> },
    signal: AbortSignal,
  ): Promise<{ response: OriginResponse; authorization: string | undefined }> {
    let authorization: string | undefined
    const client = createOriginClient({
      ...this.#options.origin,
      authorize: async (challenge) => {
        authorization = await this.#login.answer(challenge, signal)
        return authorization
      },
    })
    return { response: await client.open({ ...request, signal }), authorization }
  }
}

async function read({ body, cancel }: OriginResponse, url: string): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of body) {
    sizeBytes += chunk.length
    if (sizeBytes > MAX_MANIFEST_BYTES) {
      cancel()
      throw new AppError('ORIGIN_FAILED', `the manifest at ${url} has more than 4 MiB`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function checked(bytes: Uint8Array, reference: string): Manifest {
  const algorithm = isDigest(reference) ? digestAlgorithm(reference) : 'sha256'
  const hex = createHash(algorithm).update(bytes).digest('hex')
  if (isDigest(reference) && digestHex(reference) !== hex) {
    throw new AppError(
      'CONTENT_DIGEST_MISMATCH',
      `the registry's manifest ${reference} does not have that digest`,
    )
  }
  // Of that algorithm by construction.
  return { digest: `${algorithm}:${hex}` as Digest, bytes }
}
