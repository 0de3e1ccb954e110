/** Items in the order of their load, those of equal load in order of entry. Each operation is O(1). */
export class LoadIndex<T extends { load: number }> {
  readonly #byLoad: Set<T>[] = []

  add(item: T): void {
    while (this.#byLoad.length <= item.load) this.#byLoad.push(new Set())
    this.#byLoad[item.load]?.add(item)
  }

  delete(item: T): void {
    this.#byLoad[item.load]?.delete(item)
  }

  /** Changes the load of an item, which need not be in the index. */
  change(item: T, load: number): void {
    const indexed = this.#byLoad[item.load]?.delete(item) ?? false
    item.load = load
    if (indexed) this.add(item)
  }

  /** The least loaded item that is accepted. */
  find(accepts: (item: T) => boolean): T | undefined {
    for (const items of this.#byLoad) {
      for (const item of items) if (accepts(item)) return item
    }
    return undefined
  }
}
