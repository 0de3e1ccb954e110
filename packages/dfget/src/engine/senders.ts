import type { HostId, Sender } from '@df/proto'

/** As many hosts are told apart. */
const MAX_TRACKED = 256
/** As many of them are named, those that sent most. */
const MAX_NAMED = 32

/** Counts who sent how much to a task. Bounded: what came of hosts beyond the first ones counts in no name. */
export class Senders {
  readonly #bytes = new Map<HostId, number>()

  add(host: HostId, bytes: number): void {
    const before = this.#bytes.get(host)
    if (before === undefined && this.#bytes.size >= MAX_TRACKED) return
    this.#bytes.set(host, (before ?? 0) + bytes)
  }

  /** The greatest, in order. */
  named(): Sender[] {
    return [...this.#bytes]
      .map(([host, bytes]) => ({ host, bytes }))
      .toSorted((a, b) => b.bytes - a.bytes)
      .slice(0, MAX_NAMED)
  }
}
