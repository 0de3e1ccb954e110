import type { HostId, StripeIndex, TaskId } from '@df/proto'

/** Sends are counted over this long. */
const WINDOW_MS = 250
/** A receiver is slow when it takes less than this part of what the fastest one takes, … */
const SLOW_SHARE = 0.7
/** … which must be enough to tell: pieces in a window; … */
const LEAST_PIECES = 4
/** … when it was being sent to for this part of the time (else it had nothing to get, or got it elsewhere); … */
const BUSY_SHARE = 0.9
/** … in so many windows in a row. */
const WINDOWS = 2

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
  running: number
  busyMs: number
  /** Up to when {@link busyMs} counts. */
  countedAt: number
  slowWindows: number
}

/**
 * Compares those that a host sends the same stripe to: whoever takes less than the others, though it is being sent to
 * all the time, has a slower downlink than they have. A slow sender, a slow origin and a late start hold up all
 * alike, or none. Times are milliseconds of a monotonic clock.
 */
export class ReceiverPace {
  readonly #counts = new Map<string, Count>()
  #windowAt: number | undefined

  /** A piece in its turn in the tree begins to be sent. */
  started(stream: Stream, now: number): void {
    const count = this.#countOf(stream, now)
    countBusy(count, now)
    count.running++
  }

  ended(stream: Stream, isThrough: boolean, now: number): void {
    const count = this.#countOf(stream, now)
    countBusy(count, now)
    count.running = Math.max(0, count.running - 1)
    if (isThrough) count.pieces++
  }

  /** Those that turned out to be slow since the last call. To be called every 100 ms or so. */
  slow(now: number): SlowReceiver[] {
    this.#windowAt ??= now
    const ms = now - this.#windowAt
    if (ms < WINDOW_MS) return []
    this.#windowAt = now
    const fastest = this.#fastest()
    const slow: SlowReceiver[] = []
    for (const [key, count] of this.#counts) {
      countBusy(count, now)
      const best = fastest.get(groupOf(count.stream)) ?? 0
      const isSlow =
        best >= LEAST_PIECES && count.pieces < SLOW_SHARE * best && count.busyMs >= BUSY_SHARE * ms
      count.slowWindows = isSlow ? count.slowWindows + 1 : 0
      if (count.slowWindows >= WINDOWS) {
        slow.push({ ...count.stream, share: count.pieces / best })
        count.slowWindows = 0
      }
      if (count.pieces === 0 && count.running === 0) this.#counts.delete(key)
      count.pieces = 0
      count.busyMs = 0
    }
    return slow
  }

  #countOf(stream: Stream, now: number): Count {
    const key = `${stream.task} ${stream.stripe} ${stream.receiver}`
    const known = this.#counts.get(key)
    if (known !== undefined) return known
    const count = {
      stream,
      pieces: 0,
      running: 0,
      busyMs: 0,
      countedAt: now,
      slowWindows: 0,
    }
    this.#counts.set(key, count)
    return count
  }

  #fastest(): Map<string, number> {
    const fastest = new Map<string, number>()
    for (const { stream, pieces } of this.#counts.values()) {
      const group = groupOf(stream)
      fastest.set(group, Math.max(fastest.get(group) ?? 0, pieces))
    }
    return fastest
  }
}

function countBusy(count: Count, now: number): void {
  if (count.running > 0) count.busyMs += now - count.countedAt
  count.countedAt = now
}

/** Streams that should be as fast as each other. */
function groupOf({ task, stripe, isWhole }: Stream): string {
  return isWhole ? task : `${task} ${stripe}`
}
