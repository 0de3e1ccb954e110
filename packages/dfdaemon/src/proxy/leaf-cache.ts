import type { Authority, Leaf } from './authority.ts'

export interface LeafCacheOptions {
  authority: Authority
  /** Hosts kept at most; what was not used for longest goes first. */
  maxEntries?: number
  /** Milliseconds since the epoch. */
  now?: () => number
}

interface Entry {
  leaf: Promise<Leaf>
  renewAtMs: number
}

/** Certificates are made anew when less than this is left, or less than half of their life. */
const RENEW_BEFORE_MS = 86_400_000

/** Certificates for hosts whose TLS ends here: made when first needed, callers that ask at once share one. */
export class LeafCache {
  readonly #authority: Authority
  readonly #maxEntries: number
  readonly #now: () => number
  readonly #entries = new Map<string, Entry>()

  constructor({ authority, maxEntries = 500, now = Date.now }: LeafCacheOptions) {
    this.#authority = authority
    this.#maxEntries = maxEntries
    this.#now = now
  }

  get size(): number {
    return this.#entries.size
  }

  /** @throws what the authority throws; nothing is kept of it */
  leafFor(name: string): Promise<Leaf> {
    const found = this.#entries.get(name)
    this.#entries.delete(name) // to be the youngest
    const entry = found !== undefined && found.renewAtMs > this.#now() ? found : this.#make(name)
    this.#entries.set(name, entry)
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries) break
      this.#entries.delete(oldest)
    }
    return entry.leaf
  }

  #make(name: string): Entry {
    const entry: Entry = {
      leaf: this.#authority.issue(name),
      renewAtMs: Number.POSITIVE_INFINITY,
    }
    entry.leaf.then(
      ({ expiresAtMs }) => {
        const lifeMs = expiresAtMs - this.#now()
        entry.renewAtMs = expiresAtMs - Math.min(RENEW_BEFORE_MS, lifeMs / 2)
      },
      () => {
        if (this.#entries.get(name) === entry) this.#entries.delete(name)
      },
    )
    return entry
  }
}
