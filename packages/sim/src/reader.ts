import type { Geometry, PieceIndex } from '@df/proto'
import { createSeededRandom, nextRandom, type SeededRandom } from '@df/scheduling'

/** Pieces that a reader in order asks for ahead, as dfget's readers do. */
const AHEAD_BYTES = 4 * 1024 * 1024

export interface ReaderOptions {
  order: 'ascending' | 'random'
  /** Of the host's rate. */
  share: number
  bps: number
  pieces: number
  geometry: Geometry
  seed: number
}

/** A program that reads the content while it arrives, piece by piece at its own pace, and waits where it must. */
export class Reader {
  /** Half-open ranges that it waits for. */
  urgent: { start: PieceIndex; end: PieceIndex }[] = []
  /** Time of each wait, ms; the first is the one for the first byte. */
  readonly stallsMs: number[] = []
  readonly #options: ReaderOptions
  readonly #here: Uint8Array
  readonly #order: PieceIndex[]
  readonly #msPerPiece: number
  #at = 0
  /** When the reader is through with what it has. */
  #busyUntil = 0
  #waitsSince: number | undefined = 0

  constructor(options: ReaderOptions) {
    this.#options = options
    this.#here = new Uint8Array(options.pieces)
    this.#msPerPiece = (1000 * options.geometry.pieceSize) / (options.share * options.bps)
    this.#order = orderOf(options)
    this.#look()
  }

  /** A piece arrived. Time between is reckoned afterwards: what a reader does changes nothing but what it waits for. */
  stored(index: PieceIndex, now: number): void {
    this.#here[index] = 1
    while (this.#at < this.#order.length && this.#here[this.#order[this.#at] ?? 0] === 1) {
      this.#read(now)
    }
    this.#look()
  }

  #read(now: number): void {
    if (this.#waitsSince !== undefined && now > this.#waitsSince) {
      this.stallsMs.push(Math.max(0, now - Math.max(this.#waitsSince, this.#busyUntil)))
    }
    const startAt = Math.max(this.#busyUntil, this.#waitsSince === undefined ? 0 : now)
    this.#busyUntil = startAt + this.#msPerPiece
    this.#at++
    const isNextHere = this.#here[this.#order[this.#at] ?? -1] === 1
    this.#waitsSince = isNextHere ? undefined : this.#busyUntil
  }

  #look(): void {
    const next = this.#order[this.#at]
    if (next === undefined) {
      this.urgent = []
      return
    }
    const { order, geometry, pieces } = this.#options
    const ahead = order === 'random' ? 1 : Math.max(1, Math.ceil(AHEAD_BYTES / geometry.pieceSize))
    this.urgent = [{ start: next, end: Math.min(pieces, next + ahead) }]
  }
}

function orderOf({ order, pieces, seed }: ReaderOptions): PieceIndex[] {
  const all = Array.from({ length: pieces }, (_, index) => index)
  if (order === 'ascending') return all
  const random: SeededRandom = createSeededRandom(seed)
  for (let index = pieces - 1; index > 0; index--) {
    const other = Math.floor(nextRandom(random) * (index + 1))
    const kept = all[index] ?? 0
    all[index] = all[other] ?? 0
    all[other] = kept
  }
  return all
}
