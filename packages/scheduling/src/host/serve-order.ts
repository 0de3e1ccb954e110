import type { PieceIndex, PiecePriority } from '@df/proto'

export interface ServeOrderOptions {
  /** Sends that run at once before new ones wait, whatever they make of the link. */
  slots: number
  /** Sends that run at once while together they do not fill the link. */
  mostSlots: number
  /**
   * A send that runs longer than this, or four times as long as the quickest of late, no longer counts for a slot: its
   * receiver is slow, not this host.
   */
  slowAfterMs: number
  /** Most sends at once, slow ones included. */
  maxSends: number
  /** How long a send may wait for its turn. */
  maxWaitMs: number
}

export const defaultServeOrderOptions: ServeOrderOptions = {
  slots: 4,
  mostSlots: 16,
  slowAfterMs: 250,
  maxSends: 64,
  maxWaitMs: 1000,
}

/** A send counts as slow when it takes so many times as long as the quickest of the last ones, … */
const SLOW_TIMES = 4
/** … of which so many are remembered, and not before this time. */
const REMEMBERED = 16
const LEAST_SLOW_MS = 3
/** The link counts as filled from this part of its rate. */
const FILLED = 0.93
/** While others wait, one urgent send may start for so many others: a tenth of the uplink. */
const OTHERS_PER_URGENT = 9
/** Urgent sends that may start at once after a time without any. */
const MOST_URGENT_AT_ONCE = 4
/** Below the key of every piece. */
const URGENT_KEY = -1
/** Above the key of every piece. */
const REPAIR_KEY = 1e9

export interface ServeFacts {
  readonly now: number
  /** Bytes per second that the running sends make together, absent while unknown. */
  readonly sentBps?: number | undefined
  /** Bytes per second that the uplink carries, absent while unknown. */
  readonly upBps?: number | undefined
}

/** Urgent pieces before all others, repairs after all others, else the oldest piece first: it keeps the stripes of a swarm level. */
export function serveKey(priority: PiecePriority, index: PieceIndex): number {
  if (priority === 'urgent') return URGENT_KEY
  return priority === 'repair' ? REPAIR_KEY + index : index
}

interface Waiting<T> {
  readonly key: number
  readonly item: T
  readonly receiver: string
}

interface Running {
  readonly began: number
  readonly receiver: string
}

/**
 * Which of the sends that are ready starts next, and when (scheduling study §5.5): the one with the smallest key, in
 * order of arrival among equals, as soon as the link has room. Who is being sent nothing comes before who is: a slow
 * receiver's pieces are the oldest ones, and would hold all slots. Slots are bandwidth, not a count: slow receivers do
 * not hold one for long, and while the link is known not to be full more than the usual may run. Urgent sends get a tenth of
 * the starts, and all that nobody else wants. Of one host, over all its tasks.
 */
export class ServeOrder<T> {
  readonly #options: ServeOrderOptions
  /** By key. */
  readonly #queue: Waiting<T>[] = []
  /** Since when each waits, in the order they came. */
  readonly #since = new Map<T, number>()
  /** When each running send began, in that order. */
  readonly #running = new Map<T, Running>()
  /** Running sends of each receiver that has some. */
  readonly #receivers = new Map<string, number>()
  /** How long the last sends took, milliseconds. */
  readonly #durations: number[] = []
  #slowAfterMs: number
  /** Urgent sends that may start though others wait, in parts of one. */
  #urgentCredit = 1

  constructor(options: ServeOrderOptions = defaultServeOrderOptions) {
    this.#options = options
    this.#slowAfterMs = options.slowAfterMs
  }

  /** Sends running now. */
  get running(): number {
    return this.#running.size
  }

  /** Sends that are ready and wait for room. */
  get waiting(): number {
    return this.#queue.length
  }

  /** The send is ready and waits for its turn. Each item once at a time. `receiver`: any name of who gets it. */
  enqueue(key: number, item: T, { receiver, now }: { receiver: string; now: number }): void {
    this.#since.set(item, now)
    let low = 0
    let high = this.#queue.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#queue[middle]?.key ?? 0) <= key) low = middle + 1
      else high = middle
    }
    this.#queue.splice(low, 0, { key, item, receiver })
  }

  /** The send is not wanted any more. Gives false when it did not wait. */
  remove(item: T): boolean {
    if (!this.#since.delete(item)) return false
    this.#queue.splice(
      this.#queue.findIndex((waiting) => waiting.item === item),
      1,
    )
    return true
  }

  /** The send to start now, which runs from here on; undefined when there is none or no room. Ask until there is none. */
  take(facts: ServeFacts): T | undefined {
    if (this.#queue.length === 0 || !this.#hasRoom(facts)) return undefined
    const [next] = this.#queue.splice(this.#nextAt(), 1)
    if (next === undefined) return undefined
    this.#since.delete(next.item)
    this.#running.set(next.item, { began: facts.now, receiver: next.receiver })
    this.#receivers.set(next.receiver, (this.#receivers.get(next.receiver) ?? 0) + 1)
    return next.item
  }

  /** The send is over. Doing so twice does no harm. */
  finished(item: T, now: number): void {
    const running = this.#running.get(item)
    if (running === undefined) return
    this.#noteDuration(now - running.began)
    this.#running.delete(item)
    const left = (this.#receivers.get(running.receiver) ?? 1) - 1
    if (left === 0) this.#receivers.delete(running.receiver)
    else this.#receivers.set(running.receiver, left)
  }

  /** Takes out the sends that waited too long and gives them. */
  expired(now: number): T[] {
    const over: T[] = []
    for (const [item, since] of this.#since) {
      if (now - since < this.#options.maxWaitMs) break
      over.push(item)
    }
    for (const item of over) this.remove(item)
    return over
  }

  /** When something changes by itself while sends wait: one has waited too long, or one that runs counts as slow. Undefined while none waits. */
  nextDueMs(now: number): number | undefined {
    const [waitsSince] = this.#since.values()
    if (waitsSince === undefined) return undefined
    let due = waitsSince + this.#options.maxWaitMs
    for (const { began } of this.#running.values()) {
      if (this.#isSlow(began, now)) continue
      due = Math.min(due, began + this.#slowAfterMs)
      break
    }
    return Math.max(0, due - now)
  }

  #hasRoom({ now, sentBps, upBps }: ServeFacts): boolean {
    if (this.#running.size >= this.#options.maxSends) return false
    let counted = 0
    for (const { began } of this.#running.values()) if (!this.#isSlow(began, now)) counted++
    if (counted < this.#options.slots) return true
    if (counted >= this.#options.mostSlots) return false
    return sentBps !== undefined && upBps !== undefined && sentBps < FILLED * upBps
  }

  #noteDuration(ms: number): void {
    this.#durations.push(ms)
    if (this.#durations.length < REMEMBERED) return
    if (this.#durations.length > REMEMBERED) this.#durations.shift()
    const quickMs = Math.min(...this.#durations)
    this.#slowAfterMs = Math.min(
      this.#options.slowAfterMs,
      Math.max(LEAST_SLOW_MS, SLOW_TIMES * quickMs),
    )
  }

  #isSlow(began: number, now: number): boolean {
    return now - began >= this.#slowAfterMs
  }

  /** Place in the queue of the one to start. Keeps the account of the urgent ones. */
  #nextAt(): number {
    if ((this.#queue[0]?.key ?? 0) > URGENT_KEY) {
      this.#urgentCredit = Math.min(MOST_URGENT_AT_ONCE, this.#urgentCredit + 1 / OTHERS_PER_URGENT)
      return this.#nextFrom(0)
    }
    const firstOther = this.#queue.findIndex(({ key }) => key > URGENT_KEY)
    if (firstOther < 0) return 0
    const other = this.#nextFrom(firstOther)
    // A sum of ninths is not exact.
    if (this.#urgentCredit > 1 - 1e-9) {
      this.#urgentCredit -= 1
      return 0
    }
    this.#urgentCredit += 1 / OTHERS_PER_URGENT
    return other
  }

  /** From this place on, the first one whose receiver is sent nothing, repairs aside; the first of all when there is none. */
  #nextFrom(first: number): number {
    for (let at = first; at < this.#queue.length; at++) {
      const waiting = this.#queue[at]
      if (waiting === undefined || (waiting.key >= REPAIR_KEY && at > first)) break
      if (!this.#receivers.has(waiting.receiver)) return at
    }
    return first
  }
}
