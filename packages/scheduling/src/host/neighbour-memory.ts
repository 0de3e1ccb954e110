import type { HostId, PieceIndex } from '@df/proto'

/** Entries of "does not have that piece" that are kept at most. */
const MOST_LACKING = 4096

/** What a host remembers of those it asks: whom it leaves alone until when, who lacks what, whom it reported when. */
export class NeighbourMemory {
  readonly #avoidUntil = new Map<HostId, number>()
  readonly #lacksUntil = new Map<HostId, Map<PieceIndex, number>>()
  readonly #reportedAt = new Map<HostId, number>()
  #lacking = 0

  avoid(host: HostId, until: number): void {
    this.#avoidUntil.set(host, Math.max(this.#avoidUntil.get(host) ?? 0, until))
  }

  avoided(host: HostId, now: number): boolean {
    return this.#avoidUntil.size > 0 && (this.#avoidUntil.get(host) ?? 0) > now
  }

  markLacking(host: HostId, index: PieceIndex, until: number): void {
    if (this.#lacking >= MOST_LACKING) {
      this.#lacksUntil.clear()
      this.#lacking = 0
    }
    let pieces = this.#lacksUntil.get(host)
    if (pieces === undefined) {
      pieces = new Map()
      this.#lacksUntil.set(host, pieces)
    }
    if (!pieces.has(index)) this.#lacking++
    pieces.set(index, until)
  }

  lacks(host: HostId, index: PieceIndex, now: number): boolean {
    return this.#lacking > 0 && (this.#lacksUntil.get(host)?.get(index) ?? 0) > now
  }

  /** Whether the host is to be reported as lost now; not again for `againMs`. */
  mayReport(host: HostId, { now, againMs }: { now: number; againMs: number }): boolean {
    if (now - (this.#reportedAt.get(host) ?? Number.NEGATIVE_INFINITY) < againMs) return false
    this.#reportedAt.set(host, now)
    return true
  }
}
