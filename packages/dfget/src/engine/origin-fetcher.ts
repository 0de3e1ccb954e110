import { backoffMs, sleep, type TokenBucket } from '@df/kit'
import {
  AppError,
  type Geometry,
  isAppError,
  type PieceIndex,
  pieceCount,
  pieceSpan,
  toAppError,
} from '@df/proto'
import { type CutPiece, cutPieces, type OriginClient, type OriginResponse } from '@df/transfer'

/** While a swarm may take over again, the origin is read in segments of this size. */
const SEGMENT_BYTES = 8 * 1024 * 1024
const TRIES = 3

export interface OriginFetcherOptions {
  origin: OriginClient
  source(): { url: string; headers?: Readonly<Record<string, string>> }
  limits: readonly TokenBucket[]
  has(index: PieceIndex): boolean
  /** Geometry, once known. */
  geometry(): Geometry | undefined
  /**
   * The origin answered: fixes the geometry and generation; reads the body itself when the length is unknown.
   * @throws AppError CONTENT_CHANGED
   */
  onAnswer(response: OriginResponse): Promise<void>
  onBytes(count: number): void
  accept(piece: CutPiece): Promise<void>
  /** Whether to go on with the next segment; false when the swarm delivers again. */
  goOn(): boolean
  /** Whether no swarm can take over, so that the rest is read in one go. */
  alone(): boolean
}

/** Reads missing pieces from the task's origin, in order. */
export class OriginFetcher {
  readonly #options: OriginFetcherOptions
  readonly #abort = new AbortController()

  constructor(options: OriginFetcherOptions) {
    this.#options = options
  }

  stop(): void {
    this.#abort.abort(new AppError('TASK_DELETED', 'the task was stopped'))
  }

  /**
   * Reads from piece `from` on, then what lacks before it, until nothing lacks or the swarm delivers.
   * @throws AppError ORIGIN_* when the origin does not give it, DISK_FULL, CONTENT_CHANGED
   */
  async run(from: PieceIndex): Promise<void> {
    let failures = 0
    let next = from
    while (true) {
      const span = this.#missingSpan(next)
      if (span === undefined) return
      try {
        const last = await this.#readSpan(span)
        if (last === undefined) return
        if (last >= next) failures = 0
        next = last + 1
      } catch (error) {
        const failure = toAppError(error)
        if (this.#abort.signal.aborted || !failure.retryable || isLocal(failure)) throw failure
        if (++failures >= TRIES) throw failure
        await sleep(
          backoffMs(failures, { baseMs: 100, maxMs: 1000, random: Math.random }),
          this.#abort.signal,
        )
      }
      if (!this.#options.goOn()) return
    }
  }

  /** Missing bytes to ask for next; undefined when nothing lacks. */
  #missingSpan(from: PieceIndex): { start: number; end?: number } | undefined {
    const geometry = this.#options.geometry()
    if (geometry === undefined) {
      return this.#options.alone() ? { start: 0 } : { start: 0, end: SEGMENT_BYTES }
    }
    const first = this.#firstMissing(geometry, from) ?? this.#firstMissing(geometry, 0)
    if (first === undefined) return undefined
    const { start } = pieceSpan(geometry, first)
    let last = first
    const limit = this.#options.alone() ? geometry.contentLength : start + SEGMENT_BYTES
    while (
      last + 1 < pieceCount(geometry) &&
      !this.#options.has(last + 1) &&
      pieceSpan(geometry, last + 1).start < limit
    ) {
      last++
    }
    const { end } = pieceSpan(geometry, last)
    // The whole content is asked for without a Range: some origins know none.
    return start === 0 && end === geometry.contentLength ? { start } : { start, end }
  }

  #firstMissing(geometry: Geometry, from: PieceIndex): PieceIndex | undefined {
    for (let index = from; index < pieceCount(geometry); index++) {
      if (!this.#options.has(index)) return index
    }
    return undefined
  }

  /** Index of the last piece kept; undefined when the content turned out to be empty. */
  async #readSpan(span: { start: number; end?: number }): Promise<PieceIndex | undefined> {
    const response = await this.#open(span)
    try {
      const wasKnown = this.#options.geometry() !== undefined
      await this.#options.onAnswer(response)
      const geometry = this.#options.geometry()
      if (geometry === undefined || geometry.contentLength === 0) return undefined
      if (!wasKnown && response.totalLength === undefined) return pieceCount(geometry) - 1
      let last = -1
      for await (const piece of cutPieces(
        response.body,
        geometry,
        response.start,
        this.#options.onBytes,
      )) {
        last = piece.index
        if (this.#options.has(piece.index)) continue
        for (const limit of this.#options.limits) {
          await limit.take(piece.data.length, this.#abort.signal)
        }
        await this.#options.accept(piece)
      }
      if (last < 0) throw new AppError('ORIGIN_UNREACHABLE', 'the origin broke off')
      return last
    } finally {
      response.cancel()
    }
  }

  async #open(span: { start: number; end?: number }): Promise<OriginResponse> {
    const { url, headers } = this.#options.source()
    const request = {
      url,
      ...(headers === undefined ? {} : { headers }),
      signal: this.#abort.signal,
    }
    if (span.start === 0 && span.end === undefined) return this.#options.origin.open(request)
    try {
      return await this.#options.origin.open({ ...request, range: span })
    } catch (error) {
      // An empty content has no range that could be satisfied.
      if (span.start > 0 || !isAppError(error, 'RANGE_INVALID')) throw error
      return this.#options.origin.open(request)
    }
  }
}

/** Failures of this host, which the origin cannot mend. */
function isLocal(error: AppError): boolean {
  return (
    error.code === 'DISK_FULL' ||
    error.code === 'STORAGE_FAILED' ||
    error.code === 'CONTENT_CHANGED'
  )
}
