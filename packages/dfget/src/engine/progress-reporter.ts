import { type BytesBySource, formatBitfieldText, pieceCount, type TaskId } from '@df/proto'
import type { StoredContent } from '@df/storage'
import type { SupernodePool } from '../session/supernode-pool.ts'

/** Tells the SuperNode what is here, at the pace it asked for, and at once when all is. */
export class ProgressReporter {
  readonly #pool: SupernodePool
  readonly #task: TaskId
  readonly #now: () => number
  #pieces = -1
  #atMs = 0

  constructor(options: { pool: SupernodePool; task: TaskId; now: () => number }) {
    this.#pool = options.pool
    this.#task = options.task
    this.#now = options.now
  }

  report(content: StoredContent, received: BytesBySource): void {
    const session = this.#pool.sessionOf(this.#task)
    if (session === undefined || content.havePieces === this.#pieces) return
    const now = this.#now()
    if (!content.complete && now - this.#atMs < session.reportEveryMs) return
    this.#pieces = content.havePieces
    this.#atMs = now
    session.send({ type: 'progress', task: this.#task, have: haveText(content), received })
  }
}

/** Text form of the pieces that are stored. */
export function haveText(content: StoredContent): string {
  return formatBitfieldText(content.bits(), pieceCount(content.meta.geometry))
}
