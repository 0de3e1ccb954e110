import type { IncomingMessage, ServerResponse } from 'node:http'
import { untilAborted } from '@df/kit'
import { AppError } from '@df/proto'
import { fieldValue, type HeaderFields } from './headers.ts'
import type { WholeAnswer } from './oci-errors.ts'

export interface StreamedAnswer {
  status: number
  headers: HeaderFields
  /** With a `content-length` among the headers it must be as long. */
  body: AsyncIterable<Buffer>
  /** Told of each chunk of the body that has left this process, so that it can be used again. */
  onSent?: (chunk: Buffer) => void
}

export interface ExchangeOptions {
  /** Nothing sent for so long, while the caller would take it, ends the exchange; absent means no limit. */
  silenceMs?: number
  now?: () => number
}

/**
 * One request and its answer on a raw Node response. Sends with backpressure, never ends a short body cleanly,
 * and is never silent for longer than allowed: no engine ends a download that just stops.
 */
export class Exchange {
  readonly request: IncomingMessage
  readonly startedMs: number
  /** Aborts when the caller left or the silence was too long. */
  readonly signal: AbortSignal
  status: number | undefined
  bytesSent = 0
  /** The caller closed the connection before the answer was complete. */
  callerLeft = false
  /** Time to the first byte of the body. */
  firstByteMs: number | undefined

  readonly #response: ServerResponse
  readonly #abort = new AbortController()
  readonly #silenceMs: number | undefined
  readonly #now: () => number
  #heardMs: number
  #isCut = false
  #timer: NodeJS.Timeout | undefined

  constructor(request: IncomingMessage, response: ServerResponse, options: ExchangeOptions = {}) {
    this.request = request
    this.#response = response
    this.#silenceMs = options.silenceMs
    this.#now = options.now ?? (() => performance.now())
    this.startedMs = this.#now()
    this.#heardMs = this.startedMs
    this.signal = this.#abort.signal
    response.once('close', () => this.#onClose())
    response.on('error', () => {}) // a broken connection; `close` follows
    this.#heard()
  }

  get headSent(): boolean {
    return this.#response.headersSent
  }

  /** What is left of the silence allowed. */
  leftMs(): number {
    if (this.#silenceMs === undefined) return Number.POSITIVE_INFINITY
    return Math.max(0, this.#silenceMs - (this.#now() - this.#heardMs))
  }

  elapsedMs(): number {
    return this.#now() - this.startedMs
  }

  /**
   * Sends the answer; its body is not touched for HEAD. The head goes out with the first bytes, so that whatever
   * fails before can still be answered in another way.
   * @throws what the body throws; AppError ORIGIN_FAILED when the body is not as long as announced; the signal's
   *   reason. When the head is out by then, {@link cut} is what is left.
   */
  async send(answer: StreamedAnswer): Promise<void> {
    if (this.request.method === 'HEAD' || hasNoBody(answer.status)) {
      this.#head(answer)
      return this.#end()
    }
    const announced = fieldValue(answer.headers, 'content-length')
    let left = announced === undefined ? undefined : Number(announced)
    const chunks = answer.body[Symbol.asyncIterator]()
    try {
      while (true) {
        const { done = false, value } = await this.unlessAborted(chunks.next())
        if (left !== undefined) left = checkedRest(left, done, value)
        if (!this.headSent) this.#head(answer)
        if (done) break
        await this.#write(value, answer.onSent)
      }
    } finally {
      // Not awaited: a source that hangs would hang the exchange. It did its part, or its failure is known.
      void Promise.resolve(chunks.return?.()).catch(() => {})
    }
    await this.#end()
  }

  /** Also after the signal fired: whoever still listens gets the answer. */
  async sendWhole(answer: WholeAnswer): Promise<void> {
    this.#head(answer)
    if (this.request.method === 'HEAD') return this.#end()
    this.bytesSent += answer.body.length
    await this.#end(answer.body)
  }

  /** Breaks the connection, so that the caller sees that something is missing and resumes. */
  cut(): void {
    this.#isCut = true
    this.#response.destroy()
  }

  #head({ status, headers }: { status: number; headers: HeaderFields }): void {
    this.status = status
    this.#response.writeHead(status, headers)
  }

  async #write(chunk: Buffer, onSent: StreamedAnswer['onSent']): Promise<void> {
    if (chunk.length === 0) return
    this.firstByteMs ??= this.elapsedMs()
    const accepted = this.#response.write(chunk, () => onSent?.(chunk))
    this.bytesSent += chunk.length
    if (!accepted) {
      this.#pause() // the caller is the slow one
      await this.unlessAborted(new Promise((resolve) => this.#response.once('drain', resolve)))
    }
    this.#heard()
  }

  /** Resolves when everything is handed over or the connection is gone. */
  async #end(last?: Buffer): Promise<void> {
    this.#pause()
    await new Promise<void>((resolve) => {
      this.#response.once('close', resolve)
      this.#response.end(last, () => resolve())
    })
  }

  #heard(): void {
    this.#heardMs = this.#now()
    if (this.#timer !== undefined) this.#timer.refresh()
    else if (this.#silenceMs !== undefined) {
      this.#timer = setTimeout(() => {
        this.#abort.abort(new AppError('ORIGIN_STALLED', 'nothing came for too long'))
      }, this.#silenceMs)
    }
  }

  #pause(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #onClose(): void {
    this.#pause()
    if (this.#response.writableFinished || this.#isCut) return
    this.callerLeft = true
    this.#abort.abort(new DOMException('the caller left', 'AbortError'))
  }

  /**
   * What is being opened for this exchange; when that is over before, it is closed as soon as it is there.
   * @throws what the opening throws; the signal's reason
   */
  async opened<T extends { close(): void }>(opening: Promise<T>): Promise<T> {
    try {
      return await this.unlessAborted(opening)
    } catch (error) {
      opening.then(
        (late) => late.close(),
        () => {},
      )
      throw error
    }
  }

  /** The promise, or the signal's reason: what was started may not heed the signal, the exchange ends all the same. */
  unlessAborted<T>(promise: Promise<T>): Promise<T> {
    return untilAborted(promise, this.signal)
  }
}

/** What is still to come of a body of known length. */
function checkedRest(left: number, done: boolean, chunk: Buffer | undefined): number {
  const rest = left - (chunk?.length ?? 0)
  if (rest < 0 || (done && rest > 0)) {
    throw new AppError('ORIGIN_FAILED', 'the body is not as long as announced')
  }
  return rest
}

function hasNoBody(status: number): boolean {
  return status === 204 || status === 304
}
