import type { LocationKeys } from './seat-index.ts'

interface Loaded {
  readonly keys: LocationKeys
  load: number
}

/** Items by location, in the order of their load, those of equal load in order of entry. Changes are O(1). */
export class LoadIndex<T extends Loaded> {
  readonly #rows = new Map<string, Set<T>[]>()

  add(item: T): void {
    for (const key of item.keys) {
      const rows = this.#rows.get(key) ?? []
      this.#rows.set(key, rows)
      while (rows.length <= item.load) rows.push(new Set())
      rows[item.load]?.add(item)
    }
  }

  has(item: T): boolean {
    return this.#rows.get('')?.[item.load]?.has(item) ?? false
  }

  delete(item: T): boolean {
    let was = false
    for (const key of item.keys) was = this.#rows.get(key)?.[item.load]?.delete(item) ?? false
    return was
  }

  /** Changes the load of an item, which need not be in the index. */
  change(item: T, load: number): void {
    const was = this.delete(item)
    item.load = load
    if (was) this.add(item)
  }

  /** The least loaded item in the location that is accepted. */
  find(key: string, accepts: (item: T) => boolean): T | undefined {
    for (const items of this.#rows.get(key) ?? []) {
      for (const item of items) if (accepts(item)) return item
    }
    return undefined
  }
}
