/** The places that a host is in, by name, from the narrowest to the one that all hosts are in. */
export type LocationKeys = readonly string[]

const anywhere: LocationKeys = ['']

/** The keys of a location: `['eu', 'a']` is in `eu/a/`, `eu/`, and the whole. */
export function keysOf(location: readonly string[]): LocationKeys {
  if (location.length === 0) return anywhere
  return [...location.keys(), location.length]
    .map((length) => location.slice(0, length).map((name) => `${name}/`))
    .map((names) => names.join(''))
    .toReversed()
}

interface Indexed {
  readonly peer: { readonly keys: LocationKeys }
}

/** An item's stand in one row. */
interface Stand<T> {
  readonly item: T
  before: Stand<T> | undefined
  after: Stand<T> | undefined
}

/**
 * Items in order of entry. A linked list, since sets are slow here: an item that took a child goes to the end, and a
 * set walks over each hole that it leaves.
 */
class Row<T> {
  readonly #stands = new Map<T, Stand<T>>()
  #first: Stand<T> | undefined
  #last: Stand<T> | undefined

  add(item: T): void {
    const stand: Stand<T> = { item, before: this.#last, after: undefined }
    if (this.#last === undefined) this.#first = stand
    else this.#last.after = stand
    this.#last = stand
    this.#stands.set(item, stand)
  }

  delete(item: T): void {
    const stand = this.#stands.get(item)
    if (stand === undefined) return
    this.#stands.delete(item)
    const { before, after } = stand
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
  }

  find(accepts: (item: T) => boolean): T | undefined {
    for (let stand = this.#first; stand !== undefined; stand = stand.after) {
      if (accepts(stand.item)) return stand.item
    }
    return undefined
  }
}

/** Items by location and depth, each depth in order of entry. */
export class SeatIndex<T extends Indexed> {
  readonly #rows = new Map<string, Row<T>[]>()

  /** Depths below zero stand for "not in the index". */
  move(item: T, from: number, to: number): void {
    for (const key of item.peer.keys) {
      const rows = this.#rowsOf(key)
      if (from >= 0) rows[from]?.delete(item)
      if (to < 0) continue
      while (rows.length <= to) rows.push(new Row())
      rows[to]?.add(item)
    }
  }

  /** The first at the least depth that is accepted. */
  find(key: string, accepts: (item: T) => boolean): T | undefined {
    for (const row of this.#rows.get(key) ?? []) {
      const found = row.find(accepts)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The first at this depth that is accepted. */
  findAt(key: string, depth: number, accepts: (item: T) => boolean): T | undefined {
    return this.#rows.get(key)?.[depth]?.find(accepts)
  }

  depths(key: string): number {
    return this.#rows.get(key)?.length ?? 0
  }

  #rowsOf(key: string): Row<T>[] {
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    const rows: Row<T>[] = []
    this.#rows.set(key, rows)
    return rows
  }
}
