import {
  type BytesBySource,
  formatBitfieldText,
  type HostId,
  MAX_REPORTED_SENDERS,
  pieceCount,
  type Sender,
  type TaskId,
} from '@df/proto'
import type { RateEstimate } from '@df/scheduling'
import type { StoredContent } from '@df/storage'
import type { SupernodePool } from '../session/supernode-pool.ts'

/** What came, and of whom. */
interface Received {
  received: BytesBySource
  senders: readonly Sender[]
}

export interface ProgressReporterOptions {
  pool: SupernodePool
  /** Knows the most that the host was seen to receive lately. */
  link: RateEstimate
  /** Monotonic clock, in milliseconds. */
  now: () => number
}

/** Tells the SuperNode what is here, at the pace it asked for, and at once when all is. */
export class ProgressReporter {
  readonly #task: TaskId
  readonly #options: ProgressReporterOptions
  #pieces = -1
  #atMs = 0
  /** What the SuperNode knows that each host sent. */
  readonly #told = new Map<HostId, number>()

  constructor(task: TaskId, options: ProgressReporterOptions) {
    this.#task = task
    this.#options = options
  }

  /** The task is joined on a session: it may be that of a SuperNode that knows nothing. */
  joined(): void {
    this.#told.clear()
  }

  report(content: StoredContent, { received, senders }: Received): void {
    const session = this.#options.pool.sessionOf(this.#task)
    if (session === undefined || content.havePieces === this.#pieces) return
    const now = this.#options.now()
    if (!content.complete && now - this.#atMs < session.reportEveryMs) return
    this.#pieces = content.havePieces
    this.#atMs = now
    const downBps = this.#options.link.downBps(now)
    const news = senders.filter(({ host, bytes }) => this.#told.get(host) !== bytes)
    // The last report tells all, in as many messages as that takes.
    const count = content.complete ? Math.ceil(news.length / MAX_REPORTED_SENDERS) : 1
    for (let part = 0; part < Math.max(1, count); part++) {
      const from = news.slice(part * MAX_REPORTED_SENDERS, (part + 1) * MAX_REPORTED_SENDERS)
      for (const { host, bytes } of from) this.#told.set(host, bytes)
      session.send({
        type: 'progress',
        task: this.#task,
        have: haveText(content),
        received,
        ...(from.length === 0 ? {} : { from }),
        ...(downBps === undefined ? {} : { downBps: Math.round(downBps) }),
      })
    }
  }
}

/** Text form of the pieces that are stored. */
export function haveText(content: StoredContent): string {
  return formatBitfieldText(content.bits(), pieceCount(content.meta.geometry))
}
