import { createHmac, randomBytes } from 'node:crypto'
import type { Digest } from '@df/proto'

/** Whose right to what: a credential's hash, the registry, the repository. */
export interface RightsScope {
  credential: string
  upstream: string
  repository: string
}

export interface RightsOptions {
  /** How long a right is taken for granted after the registry confirmed it. */
  ttlMs: number
  /** Rights remembered at most; the oldest go first. */
  maxEntries?: number
  /** Milliseconds of a clock that never goes back. */
  now?: () => number
}

/**
 * Rights that a registry confirmed a short time ago: which caller may have which blob of which repository.
 * Memory only. The credential itself is not kept: it is hashed with a key that lives as long as the process.
 */
export class Rights {
  readonly #key = randomBytes(32)
  readonly #expiryMs = new Map<string, number>()
  readonly #maxEntries: number
  readonly #now: () => number
  #ttlMs: number

  constructor(options: RightsOptions) {
    this.#ttlMs = options.ttlMs
    this.#maxEntries = options.maxEntries ?? 50_000
    this.#now = options.now ?? (() => performance.now())
  }

  /** Name of a caller by the secret that it shows; callers without are all the same one. */
  credentialOf(secret: string | undefined): string {
    if (secret === undefined) return 'anonymous'
    return createHmac('sha256', this.#key).update(secret).digest('base64url')
  }

  /** `maxMs`: how long it may be taken for granted at most, whatever the setting. */
  confirm(scope: RightsScope, digests: Iterable<Digest>, maxMs = Number.POSITIVE_INFINITY): void {
    if (maxMs <= 0) return
    const expiryMs = this.#now() + Math.min(this.#ttlMs, maxMs)
    for (const digest of digests) {
      const key = entryKey(scope, digest)
      this.#expiryMs.delete(key) // to be the youngest
      this.#expiryMs.set(key, expiryMs)
    }
    for (const key of this.#expiryMs.keys()) {
      if (this.#expiryMs.size <= this.#maxEntries) return
      this.#expiryMs.delete(key)
    }
  }

  has(scope: RightsScope, digest: Digest): boolean {
    const key = entryKey(scope, digest)
    const expiryMs = this.#expiryMs.get(key)
    if (expiryMs === undefined) return false
    if (expiryMs > this.#now()) return true
    this.#expiryMs.delete(key)
    return false
  }

  /** For confirmations from now on; a shorter time than before drops those given so far. */
  setTtl(ttlMs: number): void {
    if (ttlMs < this.#ttlMs) this.#expiryMs.clear()
    this.#ttlMs = ttlMs
  }

  get size(): number {
    return this.#expiryMs.size
  }
}

/** No part can hold a line break, so that no two scopes share a key. */
function entryKey(scope: RightsScope, digest: Digest): string {
  return `${scope.credential}\n${scope.upstream}\n${scope.repository}\n${digest}`
}
