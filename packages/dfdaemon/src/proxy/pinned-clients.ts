export interface PinnedClientsOptions {
  /** How long a client's refusal is remembered; default 10 min. */
  ttlMs?: number
  /** Refusals remembered at most; the oldest go first. */
  maxEntries?: number
  /** Milliseconds of a clock that never goes back. */
  now?: () => number
}

type Verdict = 'accepted' | 'refused'

/**
 * Which clients take our certificate for which host. A client is told from others by what it calls itself, so that
 * docker, which trusts the authority, stays apart from a program that has pinned another one.
 */
export class PinnedClients {
  readonly #verdicts = new Map<string, { verdict: Verdict; expiryMs: number }>()
  readonly #ttlMs: number
  readonly #maxEntries: number
  readonly #now: () => number

  constructor(options: PinnedClientsOptions = {}) {
    this.#ttlMs = options.ttlMs ?? 600_000
    this.#maxEntries = options.maxEntries ?? 1000
    this.#now = options.now ?? (() => performance.now())
  }

  /** Whether this client is to get a plain tunnel. */
  has(client: string): boolean {
    return this.#verdictOf(client) === 'refused'
  }

  /** It sent a request through TLS that ends here. */
  accepted(client: string): void {
    this.#remember(client, 'accepted')
  }

  /**
   * It refused our certificate: `told` when it said so by a TLS alert; else it only left after seeing it, which counts
   * for nothing from a client that took it before. Gives whether it is to get tunnels from now on.
   */
  refused(client: string, { told }: { told: boolean }): boolean {
    if (!told && this.#verdictOf(client) === 'accepted') return false
    this.#remember(client, 'refused')
    return true
  }

  /** What it got instead it does not take either: our certificate is as good. */
  forget(client: string): void {
    this.#verdicts.delete(client)
  }

  get size(): number {
    return this.#verdicts.size
  }

  #verdictOf(client: string): Verdict | undefined {
    const found = this.#verdicts.get(client)
    return found !== undefined && found.expiryMs > this.#now() ? found.verdict : undefined
  }

  #remember(client: string, verdict: Verdict): void {
    this.#verdicts.delete(client) // to be the youngest
    this.#verdicts.set(client, { verdict, expiryMs: this.#now() + this.#ttlMs })
    for (const oldest of this.#verdicts.keys()) {
      if (this.#verdicts.size <= this.#maxEntries) return
      this.#verdicts.delete(oldest)
    }
  }
}
