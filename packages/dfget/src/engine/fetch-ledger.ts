import type { HostId, PieceIndex } from '@df/proto'
import type { InFlight } from '@df/scheduling'

/** How long a host's "I do not have that piece" is believed. */
const LACKS_MS = 300

export interface OpenFetch extends InFlight {
  abort: AbortController
  /** The piece is here and being stored: nothing is left to abort. */
  arrived: boolean
}

/** The requests a task has open, and what its neighbours said lately. */
export class FetchLedger {
  readonly #byPiece = new Map<PieceIndex, OpenFetch[]>()
  readonly #avoidUntil = new Map<HostId, number>()
  readonly #lacksUntil = new Map<string, number>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  open(): OpenFetch[] {
    return [...this.#byPiece.values()].flat()
  }

  forPiece(index: PieceIndex): readonly OpenFetch[] {
    return this.#byPiece.get(index) ?? []
  }

  add(fetch: OpenFetch): void {
    const list = this.#byPiece.get(fetch.index)
    if (list === undefined) this.#byPiece.set(fetch.index, [fetch])
    else list.push(fetch)
  }

  remove(fetch: OpenFetch): void {
    const left = this.forPiece(fetch.index).filter((other) => other !== fetch)
    if (left.length === 0) this.#byPiece.delete(fetch.index)
    else this.#byPiece.set(fetch.index, left)
  }

  /** Ends the other requests for a piece that came. */
  abortPiece(index: PieceIndex): void {
    for (const fetch of this.forPiece(index)) if (!fetch.arrived) fetch.abort.abort()
  }

  /** Ends every request to a host that is not asked any more. */
  abortHost(host: HostId): void {
    for (const fetch of this.open()) if (fetch.from === host) fetch.abort.abort()
  }

  abortAll(): void {
    for (const fetch of this.open()) fetch.abort.abort()
  }

  avoid(host: HostId, ms: number): void {
    this.#avoidUntil.set(host, Math.max(this.#avoidUntil.get(host) ?? 0, this.#now() + ms))
  }

  avoided(host: HostId): boolean {
    return (this.#avoidUntil.get(host) ?? 0) > this.#now()
  }

  markLacking(host: HostId, index: PieceIndex): void {
    if (this.#lacksUntil.size > 4096) this.#lacksUntil.clear()
    this.#lacksUntil.set(`${host} ${index}`, this.#now() + LACKS_MS)
  }

  lacks(host: HostId, index: PieceIndex): boolean {
    return (this.#lacksUntil.get(`${host} ${index}`) ?? 0) > this.#now()
  }
}
