import { createHash, type Hash } from 'node:crypto'
import {
  AppError,
  type Digest,
  digestAlgorithm,
  digestHex,
  type PieceIndex,
  pieceCount,
  pieceSpan,
} from '@df/proto'
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
   * A piece whose bytes are at hand: hashed at once when it is the next one, which saves reading it back. It
   * must be about to be stored.
   */
  offer(index: PieceIndex, data: Uint8Array): void {
    if (index !== this.#next || this.#running !== undefined) return
    if (this.#stopped || this.#failure !== undefined) return
    this.#hash.update(data)
    this.#next++
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
    const buffer = Buffer.allocUnsafeSlow(Math.min(STEP_BYTES, geometry.pieceSize))
    while (this.#canGoOn()) {
      const { start, end } = pieceSpan(geometry, this.#next)
      for (let at = start; at < end; at += buffer.length) {
        const step = buffer.subarray(0, Math.min(buffer.length, end - at))
        await this.#content.readInto(step, at)
        this.#hash.update(step)
      }
      this.#next++
    }
  }
}
