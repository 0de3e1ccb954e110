import type { Digest } from '@df/proto'

export interface WrongBlobsOptions {
  /** Default 20 s: docker tries to resume after 5 s, and to have all of it 10 s later. */
  ttlMs?: number
  /** Milliseconds of a clock that never goes back. */
  now?: () => number
}

const maxEntries = 1000

/**
 * Blobs of which a caller got bytes that turned out wrong, before the connection was cut. Whoever resumes such a blob
 * would put right bytes behind wrong ones, and who asks again may get wrong ones again: for a while engines are sent to
 * the registry itself, so that they do not try here until they give up.
 */
export class WrongBlobs {
  readonly #expiryMs = new Map<Digest, number>()
  readonly #ttlMs: number
  readonly #now: () => number

  constructor({ ttlMs = 20_000, now = () => performance.now() }: WrongBlobsOptions = {}) {
    this.#ttlMs = ttlMs
    this.#now = now
  }

  add(digest: Digest): void {
    this.#expiryMs.delete(digest) // to be the youngest
    this.#expiryMs.set(digest, this.#now() + this.#ttlMs)
    for (const oldest of this.#expiryMs.keys()) {
      if (this.#expiryMs.size <= maxEntries) return
      this.#expiryMs.delete(oldest)
    }
  }

  has(digest: Digest): boolean {
    const expiryMs = this.#expiryMs.get(digest)
    if (expiryMs === undefined) return false
    if (expiryMs > this.#now()) return true
    this.#expiryMs.delete(digest)
    return false
  }
}
