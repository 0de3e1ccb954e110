import { formatBitfieldText, type PieceIndex, parseBitfieldText } from '@df/proto'

/** A set of piece indexes below a fixed count. Bit 7 of byte 0 is piece 0. */
export class Bitfield {
  readonly count: number
  readonly #bits: Uint8Array
  #size = 0

  /** `bits`, when given, holds ⌈count/8⌉ bytes and is copied; spare bits are ignored. */
  constructor(count: number, bits?: Uint8Array) {
    this.count = count
    this.#bits = new Uint8Array(Math.ceil(count / 8))
    if (bits === undefined) return
    for (let index = 0; index < count; index++) {
      if (((bits[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0) this.add(index)
    }
  }

  /** @throws AppError REQUEST_INVALID when the text is not a bitfield of `count` pieces */
  static parse(text: string, count: number): Bitfield {
    return new Bitfield(count, parseBitfieldText(text, count))
  }

  /** How many indexes are in the set. */
  get size(): number {
    return this.#size
  }

  get full(): boolean {
    return this.#size === this.count
  }

  has(index: PieceIndex): boolean {
    return ((this.#bits[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0
  }

  /** True when the index was not in the set before. */
  add(index: PieceIndex): boolean {
    if (index < 0 || index >= this.count || this.has(index)) return false
    this.#bits[index >> 3] = (this.#bits[index >> 3] ?? 0) | (0x80 >> (index & 7))
    this.#size++
    return true
  }

  /** True when the index was in the set before. */
  delete(index: PieceIndex): boolean {
    if (!this.has(index)) return false
    this.#bits[index >> 3] = (this.#bits[index >> 3] ?? 0) & ~(0x80 >> (index & 7))
    this.#size--
    return true
  }

  /** Smallest index ≥ `from` that is not in the set, or `count`. */
  firstMissing(from = 0): PieceIndex {
    let index = from
    while (index < this.count) {
      if ((index & 7) === 0 && this.#bits[index >> 3] === 0xff) index += 8
      else if (this.has(index)) index++
      else return index
    }
    return this.count
  }

  bytes(): Uint8Array {
    return this.#bits.slice()
  }

  toString(): string {
    return formatBitfieldText(this.#bits, this.count)
  }
}
