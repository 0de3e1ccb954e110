import { createWriteStream, type WriteStream } from 'node:fs'
import type { Logger, Startable } from '@df/kit'

/** A recording that grew to this ends, so that a forgotten switch cannot fill the disk. */
const MAX_BYTES = 256 * 1024 * 1024

/** Lines to a file, written anew at every start. What goes wrong with it stops the recording and nothing else. */
export class EventLogFile implements Startable {
  readonly #path: string
  readonly #logger: Logger
  #stream: WriteStream | undefined
  #bytes = 0

  constructor(path: string, logger: Logger) {
    this.#path = path
    this.#logger = logger
  }

  async start(): Promise<void> {
    this.#logger.warn({ path: this.#path }, 'scheduler events are recorded')
  }

  write(line: string): void {
    if (this.#bytes > MAX_BYTES) return
    this.#stream ??= this.#open()
    this.#bytes += line.length + 1
    this.#stream.write(`${line}\n`)
    if (this.#bytes > MAX_BYTES) {
      this.#stream.end()
      this.#logger.warn({ path: this.#path }, 'the recording of scheduler events is full and ends')
    }
  }

  async stop(): Promise<void> {
    const stream = this.#stream
    if (stream === undefined || stream.closed) return
    await new Promise<void>((resolve) => stream.end(resolve))
  }

  #open(): WriteStream {
    const stream = createWriteStream(this.#path, { mode: 0o600 })
    stream.on('error', (err) => {
      this.#bytes = Number.POSITIVE_INFINITY
      this.#logger.error({ err }, 'scheduler events cannot be recorded')
    })
    return stream
  }
}
