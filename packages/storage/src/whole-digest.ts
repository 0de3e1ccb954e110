import { createHash, type Hash } from 'node:crypto'
import { AppError, type Digest, digestAlgorithm, digestHex, pieceCount, pieceSpan } from '@df/proto'
import type { StoredContent } from './content-store.ts'

const STEP_BYTES = 1024 * 1024

/**
 * Checks a content against its digest while it is being stored: hashes the pieces in order as the prefix
 * grows, reading them back from the store in steps, so that the event loop is never held for long.
 */
export class WholeDigest {
  readonly #content: StoredContent
  readonly #digest: Digest
  readonly #hash: Hash
  readonly #unsubscribe: () => void
  #next = 0
  #running: Promise<void> | undefined
  #failure: { error: unknown } | undefined
  #stopped = false

  constructor(content: StoredContent, digest: Digest) {
    this.#content = content
    this.#digest = digest
    this.#hash = createHash(digestAlgorithm(digest))
    this.#unsubscribe = content.onPiece((index) => {
      if (index === this.#next) this.#start()
    })
    this.#start()
  }

  /**
   * To be called once the content is complete; resolves when it has the digest.
   * @throws AppError CONTENT_DIGEST_MISMATCH, STORAGE_FAILED
   */
  async finish(): Promise<void> {
    this.#start()
    while (this.#running !== undefined) await this.#running
    this.stop()
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#next < pieceCount(this.#content.meta.geometry)) {
      throw new AppError('INTERNAL', 'a content was checked before it was complete')
    }
    const actual = this.#hash.digest('hex')
    if (actual === digestHex(this.#digest)) return
    throw new AppError(
      'CONTENT_DIGEST_MISMATCH',
      `the origin sent ${digestAlgorithm(this.#digest)}:${actual} for ${this.#digest}`,
    )
  }

  stop(): void {
    this.#stopped = true
    this.#unsubscribe()
  }

  #start(): void {
    if (this.#running !== undefined || !this.#canGoOn()) return
    this.#running = this.#hashPrefix()
      .catch((error: unknown) => {
        this.#failure = { error }
      })
      .finally(() => {
        this.#running = undefined
        this.#start()
      })
  }

  #canGoOn(): boolean {
    return !this.#stopped && this.#failure === undefined && this.#content.has(this.#next)
  }

  async #hashPrefix(): Promise<void> {
    const { geometry } = this.#content.meta
    while (this.#canGoOn()) {
      const { start, end } = pieceSpan(geometry, this.#next)
      for (let at = start; at < end; at += STEP_BYTES) {
        this.#hash.update(await this.#content.read(at, Math.min(at + STEP_BYTES, end)))
      }
      this.#next++
    }
  }
}
