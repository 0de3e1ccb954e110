import type { BytesBySource, HostId, Sender } from '@df/proto'

/** Hosts that are remembered of a swarm; those that have left go first, the oldest of them before the others. */
const MAX_ACCOUNTS = 20_000
/** Senders that are told apart for each host. */
const MAX_SENDERS = 64

/** What a host said of its part in a swarm; kept when it has left. */
export interface Account {
  readonly joinedAtMs: number
  /** In which wave it came to fetch; undefined: it had all of it when it joined. */
  readonly wave: number | undefined
  /** From its join until it was known to have all of it. */
  finishedAfterMs: number | undefined
  received: BytesBySource
  /** Bytes by who sent them. */
  readonly senders: Map<HostId, number>
  isPresent: boolean
}

/** What counts for the whole swarm, in bytes. */
export interface SwarmBytes {
  seed: number
  origin: number
}

export interface Report {
  received: BytesBySource
  from?: readonly Sender[]
}

/**
 * Who fed whom in a swarm, and how long that took. A wave begins with a host that wants the content while none does, and
 * ends when none does any more.
 */
export class SwarmLedger {
  readonly #nowMs: () => number
  readonly #bytes: () => SwarmBytes
  readonly #accounts = new Map<HostId, Account>()
  #wave = 0
  #isOpen = false
  #unfinished = 0
  #before: SwarmBytes = { seed: 0, origin: 0 }

  /** `bytes`: of the swarm, so far. */
  constructor(nowMs: () => number, bytes: () => SwarmBytes) {
    this.#nowMs = nowMs
    this.#bytes = bytes
  }

  get accounts(): ReadonlyMap<HostId, Account> {
    return this.#accounts
  }

  /** Hosts that came to fetch in the newest wave, but for those that left without it. */
  get fetchers(): [HostId, Account][] {
    return [...this.#accounts].filter(
      ([, { wave, isPresent, finishedAfterMs }]) =>
        wave === this.#wave && (isPresent || finishedAfterMs !== undefined),
    )
  }

  /** Hosts that had it before the newest wave, and are here. */
  get holders(): [HostId, Account][] {
    return [...this.#accounts].filter(([, { wave, isPresent }]) => wave !== this.#wave && isPresent)
  }

  /** Of the newest wave. */
  get bytes(): SwarmBytes {
    const { seed, origin } = this.#bytes()
    return { seed: seed - this.#before.seed, origin: origin - this.#before.origin }
  }

  join(host: HostId, isComplete: boolean): void {
    const known = this.#accounts.get(host)
    if (known?.isPresent === true && isFetching(known)) {
      if (isComplete) this.#finish(known)
      return
    }
    if (known !== undefined && isComplete) {
      this.#finish(known)
      known.isPresent = true
      return
    }
    this.#accounts.delete(host)
    if (!isComplete) this.#begin()
    this.#accounts.set(host, {
      joinedAtMs: this.#nowMs(),
      wave: isComplete ? undefined : this.#wave,
      finishedAfterMs: undefined,
      received: { peers: 0, seed: 0, origin: 0 },
      senders: new Map(),
      isPresent: true,
    })
    this.#trim()
  }

  progress(host: HostId, { received, from = [] }: Report, isComplete: boolean): void {
    const account = this.#accounts.get(host)
    if (account === undefined) return
    // It counts from nothing again: another process than before.
    if (total(received) < total(account.received)) account.senders.clear()
    account.received = received
    for (const { host: sender, bytes } of from) {
      if (account.senders.has(sender) || account.senders.size < MAX_SENDERS)
        account.senders.set(sender, bytes)
    }
    if (isComplete) this.#finish(account)
  }

  leave(host: HostId): void {
    const account = this.#accounts.get(host)
    if (account?.isPresent !== true) return
    account.isPresent = false
    if (isFetching(account)) this.#unfinished--
  }

  /** The content is another one now: what was counted of the one before goes. */
  startOver(): void {
    for (const [host, account] of this.#accounts) {
      account.senders.clear()
      if (!account.isPresent || !isFetching(account)) this.#accounts.delete(host)
    }
  }

  /** True once after each wave in which a host finished, when nobody fetches any more. */
  rests(): boolean {
    if (!this.#isOpen || this.#unfinished > 0) return false
    this.#isOpen = false
    return this.fetchers.length > 0
  }

  #begin(): void {
    this.#unfinished++
    if (this.#isOpen) return
    this.#isOpen = true
    this.#wave++
    this.#before = this.#bytes()
  }

  #finish(account: Account): void {
    if (!isFetching(account)) return
    account.finishedAfterMs = this.#nowMs() - account.joinedAtMs
    if (account.isPresent) this.#unfinished--
  }

  #trim(): void {
    if (this.#accounts.size <= MAX_ACCOUNTS) return
    for (const [host, { isPresent }] of this.#accounts) {
      if (isPresent) continue
      this.#accounts.delete(host)
      return
    }
  }
}

function isFetching({ wave, finishedAfterMs }: Account): boolean {
  return wave !== undefined && finishedAfterMs === undefined
}

function total({ peers, seed, origin }: BytesBySource): number {
  return peers + seed + origin
}
