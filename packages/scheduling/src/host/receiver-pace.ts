import type { HostId, StripeIndex, TaskId } from '@df/proto'

/** Receivers are compared when the fastest has got this many pieces, which takes this long at least. */
const PIECES = 32
const LEAST_MS = 250
/** A comparison that takes longer than this says nothing of now. */
const MOST_MS = 10_000
/** A receiver is slow when it takes less than this part of what the fastest one takes. */
const SLOW_SHARE = 0.6

/** Who gets the pieces of one stripe of a task. */
export interface Stream {
  readonly task: TaskId
  readonly stripe: StripeIndex
  readonly receiver: HostId
  /** The sender has the whole content: its stripes are as fast as each other, and compared with each other. */
  readonly isWhole: boolean
}

/** A receiver that takes a stripe slower than the others do: this part of what the fastest one takes. */
export interface SlowReceiver extends Stream {
  readonly share: number
}

interface Count {
  readonly stream: Stream
  pieces: number
  /** It asked for a piece that was not here yet: it takes all there is. */
  isHungry: boolean
  /** It got pieces before this comparison began. */
  isOld: boolean
}

/** Streams that should be as fast as each other. */
interface Group {
  sinceMs: number
  readonly counts: Map<string, Count>
}

/**
 * Compares those that a host sends the same stripe to: whoever takes less than the others, though all that it asks for is
 * here, has a slower downlink than they have. A slow sender and a slow origin hold up all alike; who comes late takes
 * more than the others. Times are milliseconds of a monotonic clock.
 */
export class ReceiverPace {
  readonly #groups = new Map<string, Group>()

  /** A piece is asked for in its turn in the tree. `isHere`: it need not be waited for. */
  asked(stream: Stream, isHere: boolean, now: number): void {
    if (!isHere) this.#countOf(stream, now).isHungry = true
  }

  /** Such a piece is sent. */
  sent(stream: Stream, now: number): void {
    this.#countOf(stream, now).pieces++
  }

  /** Those that turned out to be slow since the last call. To be called every 100 ms or so. */
  slow(now: number): SlowReceiver[] {
    const slow: SlowReceiver[] = []
    for (const [key, group] of this.#groups) {
      const ms = now - group.sinceMs
      const best = Math.max(...[...group.counts.values()].map(({ pieces }) => pieces))
      if (ms < LEAST_MS || (best < PIECES && ms < MOST_MS)) continue
      if (best >= PIECES) slow.push(...slowOnes(group, best))
      this.#begin(key, group, now)
    }
    return slow
  }

  /** Begins the next comparison; who got nothing in the last one is forgotten. */
  #begin(key: string, group: Group, now: number): void {
    group.sinceMs = now
    for (const [name, count] of group.counts) {
      if (count.pieces === 0) group.counts.delete(name)
      count.pieces = 0
      count.isHungry = false
      count.isOld = true
    }
    if (group.counts.size === 0) this.#groups.delete(key)
  }

  #countOf(stream: Stream, now: number): Count {
    const { task, stripe, receiver, isWhole } = stream
    const key = isWhole ? task : `${task} ${stripe}`
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = { sinceMs: now, counts: new Map() }
      this.#groups.set(key, group)
    }
    const name = `${receiver} ${stripe}`
    let count = group.counts.get(name)
    if (count === undefined) {
      count = { stream, pieces: 0, isHungry: false, isOld: false }
      group.counts.set(name, count)
    }
    return count
  }
}

function slowOnes({ counts }: Group, best: number): SlowReceiver[] {
  return [...counts.values()]
    .filter(({ isHungry, isOld }) => isOld && !isHungry)
    .filter(({ pieces }) => pieces > 0 && pieces < SLOW_SHARE * best)
    .map(({ stream, pieces }) => ({ ...stream, share: pieces / best }))
}
