import type { StripeIndex } from '@df/proto'
import type { LocationKeys } from './seat-index.ts'

/** How many incomplete hosts are interior in each stripe, by location. */
export class Supply {
  readonly #stripes: number
  readonly #interiors = new Map<string, number[]>()

  constructor(stripes: number) {
    this.#stripes = stripes
  }

  add(keys: LocationKeys, stripe: StripeIndex, change: 1 | -1): void {
    for (const key of keys) {
      const row = this.#row(key)
      row[stripe] = (row[stripe] ?? 0) + change
    }
  }

  /** The stripe with the fewest interior hosts in the narrowest location, then in the wider ones. */
  poorest(keys: LocationKeys): StripeIndex {
    const rows = keys.map((key) => this.#row(key))
    let poorest = 0
    for (let stripe = 1; stripe < this.#stripes; stripe++) {
      const difference = rows
        .map((row) => (row[stripe] ?? 0) - (row[poorest] ?? 0))
        .find((each) => each !== 0)
      if ((difference ?? 0) < 0) poorest = stripe
    }
    return poorest
  }

  /** The stripe with the most interior hosts there, when it could give one to the poorest. */
  tooRich(keys: LocationKeys): StripeIndex | undefined {
    const row = this.#row(keys[0] ?? '')
    const most = Math.max(...row)
    return most - Math.min(...row) < 2 ? undefined : row.indexOf(most)
  }

  #row(key: string): number[] {
    const known = this.#interiors.get(key)
    if (known !== undefined) return known
    const row = Array.from({ length: this.#stripes }, () => 0)
    this.#interiors.set(key, row)
    return row
  }
}
