import { type Geometry, type PieceIndex, pieceCount } from '@df/proto'

/**
 * Which pieces of a content are here, and how far each stripe is. Pieces come and never go, so a stripe's first
 * missing piece only moves on: what a call costs does not grow with the content.
 */
export class StripeProgress {
  readonly pieces: number
  readonly stripes: number
  readonly #bits: Uint8Array
  /** First missing piece of each stripe; at or after the end when the stripe is whole. */
  readonly #fronts: Int32Array
  /** When the stripe last got a piece. */
  readonly #movedAt: Float64Array
  #count = 0
  #newest = -1

  constructor(geometry: Geometry, has: (index: PieceIndex) => boolean) {
    this.pieces = pieceCount(geometry)
    this.stripes = geometry.stripes
    this.#bits = new Uint8Array(Math.ceil(this.pieces / 8))
    this.#fronts = Int32Array.from({ length: this.stripes }, (_, stripe) => stripe)
    this.#movedAt = new Float64Array(this.stripes).fill(Number.NEGATIVE_INFINITY)
    for (let index = 0; index < this.pieces; index++) if (has(index)) this.#mark(index)
    for (let stripe = 0; stripe < this.stripes; stripe++) this.#advance(stripe)
  }

  has(index: PieceIndex): boolean {
    return ((this.#bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
  }

  /** The piece is here from now on. Gives false when it was before. */
  add(index: PieceIndex, now: number): boolean {
    if (this.has(index) || index < 0 || index >= this.pieces) return false
    this.#mark(index)
    const stripe = index % this.stripes
    this.#movedAt[stripe] = now
    this.#advance(stripe)
    return true
  }

  get complete(): boolean {
    return this.#count === this.pieces
  }

  /** Highest piece that is here, -1 for none. */
  get newest(): PieceIndex {
    return this.#newest
  }

  front(stripe: number): PieceIndex {
    return this.#fronts[stripe] ?? this.pieces
  }

  isWhole(stripe: number): boolean {
    return this.front(stripe) >= this.pieces
  }

  /** When the stripe last got a piece, or was first watched. */
  movedAt(stripe: number): number {
    return this.#movedAt[stripe] ?? Number.NEGATIVE_INFINITY
  }

  /** Stripes that never got a piece count as moved now, so that their silence has a beginning. */
  watchFrom(now: number): void {
    for (let stripe = 0; stripe < this.stripes; stripe++) {
      if (this.movedAt(stripe) === Number.NEGATIVE_INFINITY) this.#movedAt[stripe] = now
    }
  }

  get firstMissing(): PieceIndex {
    let first = this.pieces
    for (const front of this.#fronts) if (front < first) first = front
    return first
  }

  /**
   * How far this host has come in order: the last piece, before its first gap, of the furthest stripe; of the second, when
   * there are more than two, since a stripe that the seed itself feeds may run ahead of all that others could have.
   */
  get lead(): PieceIndex {
    let furthest = 0
    let second = 0
    for (const front of this.#fronts) {
      if (front > furthest) {
        second = furthest
        furthest = front
      } else if (front > second) second = front
    }
    return (this.stripes > 2 ? second : furthest) - this.stripes
  }

  #mark(index: PieceIndex): void {
    this.#bits[index >> 3] = (this.#bits[index >> 3] ?? 0) | (1 << (index & 7))
    this.#count++
    if (index > this.#newest) this.#newest = index
  }

  #advance(stripe: number): void {
    let front = this.front(stripe)
    while (front < this.pieces && this.has(front)) front += this.stripes
    this.#fronts[stripe] = front
  }
}
