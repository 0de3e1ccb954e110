import { createHash, type Hash } from 'node:crypto'
import { AppError, type Digest, digestAlgorithm, digestHex } from '@df/proto'
import type { Output } from '../output/output.ts'
import type { Download } from '../sources/download.ts'

export interface DeliveryOptions {
  output: Output
  /** Of the whole content, when known. */
  digest: Digest | undefined
}

/**
 * Brings a content to its output, over one way or several, one after the other. What came before is kept when
 * the digest will tell whether it was right. Without a digest a file starts over; to a stream, of which nothing
 * can be taken back, the next way must first give the same bytes again.
 */
export class Delivery {
  readonly #output: Output
  readonly #digest: Digest | undefined
  /** Of the bytes written; a file without a digest needs none. */
  #hash: Hash | undefined
  #bytes = 0

  constructor({ output, digest }: DeliveryOptions) {
    this.#output = output
    this.#digest = digest
    this.#hash = this.#newHash()
  }

  /** Bytes written to the output. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Writes what the download has beyond the bytes written already.
   * @throws AppError CONTENT_CHANGED when it is not of the content that was begun; what reading and writing throw
   */
  async copy(download: Download, signal: AbortSignal): Promise<void> {
    const start = await this.#startOf(download)
    const repeated = new Repetition(this.#bytes - start, this.#hash)
    for await (const chunk of download.read(start, signal)) {
      const news = repeated.check(chunk)
      if (news.length === 0) continue
      this.#hash?.update(news)
      await this.#output.write(news)
      this.#bytes += news.length
      signal.throwIfAborted()
    }
    repeated.end()
  }

  /** @throws AppError CONTENT_DIGEST_MISMATCH when the bytes written do not have the digest */
  check(): void {
    if (this.#digest === undefined || this.#hash === undefined) return
    const found = this.#hash.digest('hex')
    if (found === digestHex(this.#digest)) return
    throw new AppError(
      'CONTENT_DIGEST_MISMATCH',
      `the content has the digest ${digestAlgorithm(this.#digest)}:${found}`,
      { hint: 'check the URL and --digest' },
    )
  }

  async #startOf({ contentLength }: Download): Promise<number> {
    const isShorter = contentLength !== undefined && contentLength < this.#bytes
    const isSure = this.#digest !== undefined && !isShorter
    if (isSure) return this.#bytes
    if (this.#output.kind === 'stream') return 0
    await this.#output.restart()
    this.#hash = this.#newHash()
    this.#bytes = 0
    return 0
  }

  #newHash(): Hash | undefined {
    if (this.#digest === undefined && this.#output.kind === 'file') return undefined
    return createHash(this.#digest === undefined ? 'sha256' : digestAlgorithm(this.#digest))
  }
}

/** Bytes that were written already and come once more: they must be the same. */
class Repetition {
  readonly #expected: Hash | undefined
  readonly #seen = createHash('sha256')
  #left: number

  constructor(length: number, expected: Hash | undefined) {
    this.#left = length
    this.#expected = expected?.copy()
  }

  /** The part of the chunk that is new. */
  check(chunk: Uint8Array): Uint8Array {
    if (this.#left === 0) return chunk
    const known = chunk.subarray(0, this.#left)
    this.#seen.update(known)
    this.#left -= known.length
    if (this.#left === 0 && this.#seen.digest('hex') !== this.#expected?.digest('hex')) {
      throw changed()
    }
    return chunk.subarray(known.length)
  }

  end(): void {
    if (this.#left > 0) throw changed()
  }
}

function changed(): AppError {
  return new AppError('CONTENT_CHANGED', 'the origin changed the content while it was fetched', {
    hint: 'run the command again',
  })
}
