/** Names a scheduled event until it is popped or cancelled; used again afterwards. */
export type EventId = number

const NOWHERE = -1

/**
 * Events in the order of their time, those of equal time in the order in which they were scheduled: the same calls give
 * the same order. An indexed binary heap over flat arrays, since a run has tens of millions of events.
 */
export class EventQueue {
  /** Milliseconds. */
  now = 0
  #size = 0
  #sequence = 0
  #capacity = 0
  /** By event. */
  #time = new Float64Array(0)
  #order = new Float64Array(0)
  #place = new Int32Array(0)
  #kind = new Uint8Array(0)
  #a = new Int32Array(0)
  #b = new Int32Array(0)
  #c = new Int32Array(0)
  /** By place in the heap. */
  #heap = new Int32Array(0)
  readonly #free: EventId[] = []

  get size(): number {
    return this.#size
  }

  /** `kind` 0–255 and three integers come back with the event. Times in the past are now. */
  schedule(atMs: number, kind: number, a = 0, b = 0, c = 0): EventId {
    if (this.#free.length === 0) this.#grow()
    const id = this.#free.pop() ?? NOWHERE
    this.#time[id] = Math.max(atMs, this.now)
    this.#order[id] = this.#sequence++
    this.#kind[id] = kind
    this.#a[id] = a
    this.#b[id] = b
    this.#c[id] = c
    this.#rise(id, this.#size++)
    return id
  }

  reschedule(id: EventId, atMs: number): void {
    const before = this.#time[id] ?? 0
    const time = Math.max(atMs, this.now)
    this.#time[id] = time
    const place = this.#place[id] ?? 0
    if (time < before) this.#rise(id, place)
    else this.#sink(id, place)
  }

  cancel(id: EventId): void {
    const place = this.#place[id] ?? NOWHERE
    if (place !== NOWHERE) this.#removeAt(place)
  }

  /** Goes on to the next event: its time is `now`. False when there is none. */
  next(into: SimEvent): boolean {
    if (this.#size === 0) return false
    const id = this.#heap[0] ?? 0
    this.now = this.#time[id] ?? 0
    into.kind = this.#kind[id] ?? 0
    into.a = this.#a[id] ?? 0
    into.b = this.#b[id] ?? 0
    into.c = this.#c[id] ?? 0
    this.#removeAt(0)
    return true
  }

  #removeAt(place: number): void {
    const id = this.#heap[place] ?? 0
    this.#place[id] = NOWHERE
    this.#free.push(id)
    this.#size--
    if (place === this.#size) return
    const moved = this.#heap[this.#size] ?? 0
    this.#rise(moved, place)
    this.#sink(moved, this.#place[moved] ?? 0)
  }

  #rise(id: EventId, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const other = this.#heap[above] ?? 0
      if (!this.#isBefore(id, other)) break
      this.#put(other, place)
      place = above
    }
    this.#put(id, place)
  }

  #sink(id: EventId, from: number): void {
    let place = from
    for (;;) {
      let below = 2 * place + 1
      if (below >= this.#size) break
      const right = below + 1
      if (right < this.#size && this.#isBefore(this.#heap[right] ?? 0, this.#heap[below] ?? 0)) {
        below = right
      }
      const other = this.#heap[below] ?? 0
      if (!this.#isBefore(other, id)) break
      this.#put(other, place)
      place = below
    }
    this.#put(id, place)
  }

  #put(id: EventId, place: number): void {
    this.#heap[place] = id
    this.#place[id] = place
  }

  #isBefore(a: EventId, b: EventId): boolean {
    const timeA = this.#time[a] ?? 0
    const timeB = this.#time[b] ?? 0
    return timeA < timeB || (timeA === timeB && (this.#order[a] ?? 0) < (this.#order[b] ?? 0))
  }

  #grow(): void {
    const before = this.#capacity
    this.#capacity = Math.max(1024, 2 * before)
    this.#time = copied(new Float64Array(this.#capacity), this.#time)
    this.#order = copied(new Float64Array(this.#capacity), this.#order)
    this.#place = copied(new Int32Array(this.#capacity), this.#place)
    this.#kind = copied(new Uint8Array(this.#capacity), this.#kind)
    this.#a = copied(new Int32Array(this.#capacity), this.#a)
    this.#b = copied(new Int32Array(this.#capacity), this.#b)
    this.#c = copied(new Int32Array(this.#capacity), this.#c)
    this.#heap = copied(new Int32Array(this.#capacity), this.#heap)
    for (let id = this.#capacity - 1; id >= before; id--) {
      this.#place[id] = NOWHERE
      this.#free.push(id)
    }
  }
}

/** What comes back of an event. */
export interface SimEvent {
  kind: number
  a: number
  b: number
  c: number
}

function copied<T extends { set(from: T): void }>(into: T, from: T): T {
  into.set(from)
  return into
}
