import type { PieceIndex } from '@df/proto'

/** When the layers of an image are whole, which lie one behind the other in one content and are unpacked in that order. */
export class LayerProgress {
  /** By layer, times at which it and all before it were here; as many as are so far. */
  readonly wholeAtMs: number[] = []
  readonly #lacking: Int32Array
  readonly #pieces: number

  /** Layers of equal size, to the piece. @throws RangeError when there are fewer pieces than layers */
  constructor(layers: number, pieces: number) {
    if (pieces < layers) throw new RangeError(`${pieces} pieces cannot be ${layers} layers`)
    this.#pieces = pieces
    this.#lacking = new Int32Array(layers)
    for (let index = 0; index < pieces; index++) {
      const layer = this.#layerOf(index)
      this.#lacking[layer] = (this.#lacking[layer] ?? 0) + 1
    }
  }

  /** To be called once for each piece. */
  stored(index: PieceIndex, now: number): void {
    const layer = this.#layerOf(index)
    this.#lacking[layer] = (this.#lacking[layer] ?? 0) - 1
    while (this.#lacking[this.wholeAtMs.length] === 0) this.wholeAtMs.push(now)
  }

  /** The part of the content that is in this layer and those before it, 0–1. */
  shareUpTo(layer: number): number {
    return Math.ceil(((layer + 1) * this.#pieces) / this.#lacking.length) / this.#pieces
  }

  #layerOf(index: PieceIndex): number {
    return Math.floor((index * this.#lacking.length) / this.#pieces)
  }
}
