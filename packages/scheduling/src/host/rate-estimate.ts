/** Rates are taken over this long. */
const WINDOW_MS = 500
/** Windows of sending that count; older ones are forgotten, since rates change. */
const UP_WINDOWS = 4
/** The greatest rate of receiving is remembered for once to twice this long. */
const DOWN_MEMORY_MS = 60_000
/** What is being sent is told from this much of a window on. */
const LEAST_MS = 100

interface Span {
  bytes: number
  ms: number
}

/**
 * What a host's link carries, judged by what it did: up, what went out while more was ready to go than the slots let
 * run; down, the most that ever came in. Both are undefined until there is evidence. The link may carry more than
 * it was ever asked for. Of one host, over all its tasks. Times are milliseconds of a monotonic clock.
 */
export class RateEstimate {
  readonly #sentSpans: Span[] = []
  #sending: Span = { bytes: 0, ms: 0 }
  #backlogSince: number | undefined
  #windowAt: number | undefined
  #windowBytes = 0
  #lastBytes = 0
  #memoryAt = 0
  #greatest = 0
  #greatestBefore = 0

  /** Whether sends that are ready wait for others: only then the link shows what it can do. */
  setBacklog(isWaiting: boolean, now: number): void {
    this.#countBacklog(now)
    this.#backlogSince = isWaiting ? now : undefined
  }

  sent(bytes: number, now: number): void {
    if (this.#backlogSince === undefined) return
    this.#sending.bytes += bytes
    this.#countBacklog(now)
  }

  received(bytes: number, now: number): void {
    this.#rollDown(now)
    this.#windowAt ??= now
    this.#windowBytes += bytes
  }

  /** Bytes per second that the uplink carries. */
  get upBps(): number | undefined {
    return rateOf(this.#sentSpans)
  }

  /** Bytes per second that go out now, while sends wait; undefined while none does, or not for long enough. */
  sendingBps(now: number): number | undefined {
    if (this.#backlogSince === undefined) return undefined
    this.#countBacklog(now)
    const last = this.#sentSpans.at(-1)
    if (this.#sending.ms >= LEAST_MS) return rateOf([this.#sending])
    return last === undefined ? undefined : rateOf([last, this.#sending])
  }

  /** Bytes per second that the downlink carries: the most of the last minute or two. */
  downBps(now: number): number | undefined {
    this.#rollDown(now)
    const greatest = Math.max(this.#greatest, this.#greatestBefore)
    return greatest === 0 ? undefined : greatest
  }

  /** Bytes per second that come in now: of the last whole window and the one that runs. */
  receivingBps(now: number): number {
    this.#rollDown(now)
    if (this.#windowAt === undefined) return 0
    const runs = now - this.#windowAt
    return ((this.#lastBytes + this.#windowBytes) * 1000) / (WINDOW_MS + runs)
  }

  #countBacklog(now: number): void {
    if (this.#backlogSince === undefined) return
    this.#sending.ms += now - this.#backlogSince
    this.#backlogSince = now
    if (this.#sending.ms < WINDOW_MS) return
    this.#sentSpans.push(this.#sending)
    if (this.#sentSpans.length > UP_WINDOWS) this.#sentSpans.shift()
    this.#sending = { bytes: 0, ms: 0 }
  }

  #rollDown(now: number): void {
    if (this.#windowAt === undefined || now - this.#windowAt < WINDOW_MS) return
    this.#remember((this.#windowBytes * 1000) / WINDOW_MS, now)
    const isNext = now - this.#windowAt < 2 * WINDOW_MS
    this.#lastBytes = isNext ? this.#windowBytes : 0
    // A window of silence between two bytes is no window of ours.
    this.#windowAt = isNext ? this.#windowAt + WINDOW_MS : now
    this.#windowBytes = 0
  }

  #remember(bps: number, now: number): void {
    if (now - this.#memoryAt >= DOWN_MEMORY_MS) {
      this.#greatestBefore = now - this.#memoryAt < 2 * DOWN_MEMORY_MS ? this.#greatest : 0
      this.#greatest = 0
      this.#memoryAt = now
    }
    this.#greatest = Math.max(this.#greatest, bps)
  }
}

function rateOf(spans: readonly Span[]): number | undefined {
  let bytes = 0
  let ms = 0
  for (const span of spans) {
    bytes += span.bytes
    ms += span.ms
  }
  return ms === 0 ? undefined : (bytes * 1000) / ms
}
