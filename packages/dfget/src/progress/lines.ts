import { type AppError, errorInfo } from '@df/proto'
import { oneLine } from './text.ts'

/** Where a reporter writes. */
export interface TextSink {
  write(text: string): void
  /** Undefined when it is no terminal. */
  columns(): number | undefined
}

const BAR_EVERY_MS = 100
const LINES_EVERY_MS = 3000

/** Lines for people: a last one that is drawn again and again on a terminal, and gives way to the others. */
export class Lines {
  readonly #sink: TextSink
  #isDrawn = false

  constructor(sink: TextSink) {
    this.#sink = sink
  }

  /** How often {@link redraw} makes sense. */
  get everyMs(): number {
    return this.#sink.columns() === undefined ? LINES_EVERY_MS : BAR_EVERY_MS
  }

  write(text: string): void {
    if (this.#isDrawn) this.#sink.write('\r\x1b[K')
    this.#isDrawn = false
    this.#sink.write(`${oneLine(text)}\n`)
  }

  /** The last line, of at most so many columns; where there is no terminal, a line of its own. */
  redraw({ bar, plain }: { bar(columns: number): string; plain(): string }): void {
    const columns = this.#sink.columns()
    if (columns === undefined) {
      this.write(plain())
      return
    }
    this.#isDrawn = true
    // The last column stays free: many terminals wrap when it is written.
    this.#sink.write(`\r${bar(columns - 1)}\x1b[K`)
  }
}

/** The one line a person gets about an error: what, where, and how to mend it. */
export function errorLine({ message, hint }: AppError): string {
  return `dfget: ${oneLine(message)}${hint === undefined ? '' : `; ${oneLine(hint)}`}`
}

/** The same for programs. */
export function errorFields({ code, message, hint }: AppError): object {
  return { code, message, hint: hint ?? null, exitCode: errorInfo(code).exit }
}
