import type { EventId, EventQueue } from './event-queue.ts'

/** A running transfer; used again after its end. */
export type FlowId = number
/** One direction of a host's connection: its up link or its down link. */
export type LinkId = number

const NO_EVENT = -1
/** Shares that differ by less than this part count as equal, so that changes do not run through the whole fleet. */
const THRESHOLD = 0.01
/** Links looked at again after one change, at most. */
const MAX_ROUNDS = 400

/**
 * Transfers as fluids. Each goes from one up link to one down link; the links share max-min fair among their
 * connections. A transfer's rate is the smaller of the shares that its two links offer it; a change of one is
 * passed on to links that it matters to, as far as it matters by 1 % (the exact reference is `max-min.ts`).
 */
export class Network {
  readonly #queue: EventQueue
  readonly #kind: number
  readonly #capacity: number[] = []
  /** What a link offers each of its transfers; Infinity when they cannot use it up. */
  readonly #share: number[] = []
  readonly #flowsOf: FlowId[][] = []
  readonly #isDirty: boolean[] = []
  #dirty: LinkId[] = []

  readonly #up: LinkId[] = []
  readonly #down: LinkId[] = []
  readonly #rate: number[] = []
  /** Bytes left at the time of {@link #at}. */
  readonly #left: number[] = []
  readonly #at: number[] = []
  readonly #event: EventId[] = []
  readonly #payload: number[] = []
  readonly #free: FlowId[] = []
  /** Places of a flow in the lists of its links. */
  readonly #upPlace: number[] = []
  readonly #downPlace: number[] = []

  /** `kind`: of the events that tell of a transfer's end; `a` is the transfer, `b` its payload. */
  constructor(queue: EventQueue, kind: number) {
    this.#queue = queue
    this.#kind = kind
  }

  /** `capacity`: bytes per millisecond. */
  addLink(capacity: number): LinkId {
    this.#share.push(Number.POSITIVE_INFINITY)
    this.#flowsOf.push([])
    this.#isDirty.push(false)
    return this.#capacity.push(capacity) - 1
  }

  setCapacity(link: LinkId, capacity: number): void {
    this.#capacity[link] = capacity
    this.#touch(link)
  }

  start(up: LinkId, down: LinkId, bytes: number, payload: number): FlowId {
    const flow = this.#free.pop() ?? this.#up.length
    this.#up[flow] = up
    this.#down[flow] = down
    this.#rate[flow] = 0
    this.#left[flow] = bytes
    this.#at[flow] = this.#queue.now
    this.#event[flow] = NO_EVENT
    this.#payload[flow] = payload
    this.#upPlace[flow] = (this.#flowsOf[up]?.push(flow) ?? 0) - 1
    this.#downPlace[flow] = (this.#flowsOf[down]?.push(flow) ?? 0) - 1
    this.#touch(up)
    this.#touch(down)
    return flow
  }

  /** Ends a transfer, whether it is through or not. */
  stop(flow: FlowId): void {
    const event = this.#event[flow] ?? NO_EVENT
    if (event !== NO_EVENT) this.#queue.cancel(event)
    this.#event[flow] = NO_EVENT
    const up = this.#up[flow] ?? 0
    const down = this.#down[flow] ?? 0
    this.#takeOut(this.#flowsOf[up] ?? [], this.#upPlace, flow)
    this.#takeOut(this.#flowsOf[down] ?? [], this.#downPlace, flow)
    this.#touch(up)
    this.#touch(down)
    this.#free.push(flow)
  }

  /** The transfer's own event came: it is through. */
  finished(flow: FlowId): void {
    this.#event[flow] = NO_EVENT
    this.stop(flow)
  }

  rateOf(flow: FlowId): number {
    return this.#rate[flow] ?? 0
  }

  /** Bytes of the transfer that went through by now. */
  bytesLeft(flow: FlowId): number {
    const passed = (this.#queue.now - (this.#at[flow] ?? 0)) * (this.#rate[flow] ?? 0)
    return Math.max(0, (this.#left[flow] ?? 0) - passed)
  }

  /** Makes rates right after changes. To be called before time goes on. */
  settle(): void {
    let rounds = Math.max(MAX_ROUNDS, 4 * this.#dirty.length)
    while (this.#dirty.length > 0) {
      const dirty = this.#dirty
      this.#dirty = []
      for (const link of dirty) this.#isDirty[link] = false
      for (const link of dirty) this.#review(link, rounds-- > 0)
    }
  }

  #review(link: LinkId, passesOn: boolean): void {
    const flows = this.#flowsOf[link] ?? []
    const before = this.#share[link] ?? 0
    const share = this.#fairShare(link, flows)
    this.#share[link] = share
    for (const flow of flows) {
      const other = this.#up[flow] === link ? (this.#down[flow] ?? 0) : (this.#up[flow] ?? 0)
      const offer = this.#share[other] ?? 0
      const rate = Math.min(share, offer)
      this.#setRate(flow, rate)
      // The other end cares when this one is, or was, what holds the transfer back there.
      if (passesOn && differ(Math.min(before, offer), rate)) this.#touch(other)
    }
  }

  /** The level at which the link is full, when each transfer takes no more than its other end offers. */
  #fairShare(link: LinkId, flows: readonly FlowId[]): number {
    const capacity = this.#capacity[link] ?? 0
    let left = capacity
    let open = flows.length
    let level = open === 0 ? Number.POSITIVE_INFINITY : capacity / open
    // Transfers held back elsewhere leave room for the others; the level only rises, so this ends.
    for (let changed = open > 0; changed; ) {
      changed = false
      left = capacity
      open = 0
      for (const flow of flows) {
        const offer = this.#offerAtOtherEnd(flow, link)
        if (offer < level) left -= offer
        else open++
      }
      if (open === 0) return Number.POSITIVE_INFINITY
      const next = left / open
      if (next > level * (1 + 1e-9)) {
        level = next
        changed = true
      }
    }
    return level
  }

  #offerAtOtherEnd(flow: FlowId, link: LinkId): number {
    const up = this.#up[flow] ?? 0
    return this.#share[up === link ? (this.#down[flow] ?? 0) : up] ?? 0
  }

  #setRate(flow: FlowId, rate: number): void {
    const before = this.#rate[flow] ?? 0
    if (rate === before || (before > 0 && !differ(before, rate) && rate > 0)) return
    const now = this.#queue.now
    const left = Math.max(0, (this.#left[flow] ?? 0) - (now - (this.#at[flow] ?? 0)) * before)
    this.#left[flow] = left
    this.#at[flow] = now
    this.#rate[flow] = rate
    const at = rate > 0 ? now + left / rate : Number.MAX_VALUE
    const event = this.#event[flow] ?? NO_EVENT
    if (event === NO_EVENT) {
      this.#event[flow] = this.#queue.schedule(at, this.#kind, flow, this.#payload[flow] ?? 0)
    } else this.#queue.reschedule(event, at)
  }

  #touch(link: LinkId): void {
    if (this.#isDirty[link] === true) return
    this.#isDirty[link] = true
    this.#dirty.push(link)
  }

  #takeOut(flows: FlowId[], places: number[], flow: FlowId): void {
    const place = places[flow] ?? 0
    const last = flows.pop()
    if (last === undefined || last === flow) return
    flows[place] = last
    places[last] = place
  }
}

function differ(a: number, b: number): boolean {
  return Math.abs(a - b) > THRESHOLD * Math.min(a, b)
}
