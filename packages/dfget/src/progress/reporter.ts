import { type AppError, errorInfo } from '@df/proto'
import { type DoneInfo, type Progress, remainingMs, type StartInfo } from './progress.ts'
import { barLine, oneLine, plainLine, summaryLine } from './text.ts'

/** Tells a person or a program how a download goes. */
export interface Reporter {
  /** How often {@link progress} wants to be called. */
  readonly everyMs: number
  start(info: StartInfo): void
  progress(progress: Progress): void
  /** Something worth a line that does not end the download. */
  note(text: string): void
  done(info: DoneInfo): void
  failed(error: AppError): void
}

/** Where a reporter writes. */
export interface TextSink {
  write(text: string): void
  /** Undefined when it is no terminal. */
  columns(): number | undefined
}

const BAR_EVERY_MS = 100
const LINES_EVERY_MS = 3000
const EVENTS_EVERY_MS = 500

/** A bar that redraws itself on a terminal, a plain line every few seconds elsewhere, none when `quiet`; a summary at the end. */
export function createTextReporter(sink: TextSink, { quiet }: { quiet: boolean }): Reporter {
  let drawn = false
  const line = (text: string) => {
    if (drawn) sink.write('\r\x1b[K')
    drawn = false
    sink.write(`${oneLine(text)}\n`)
  }
  return {
    everyMs: sink.columns() === undefined ? LINES_EVERY_MS : BAR_EVERY_MS,
    start() {},
    progress(progress) {
      if (quiet) return
      const columns = sink.columns()
      if (columns === undefined) return line(plainLine(progress))
      drawn = true
      // The last column stays free: many terminals wrap when it is written.
      sink.write(`\r${barLine(progress, columns - 1)}\x1b[K`)
    },
    note: line,
    done: (info) => line(summaryLine(info)),
    failed: (error) => line(errorLine(error)),
  }
}

/** One JSON object per line: `start`, `progress`, `note`, `done`, `failed`. Sizes in bytes, times in ms. */
export function createJsonReporter(sink: TextSink): Reporter {
  const emit = (event: string, fields: object) =>
    sink.write(`${JSON.stringify({ event, ...fields })}\n`)
  return {
    everyMs: EVENTS_EVERY_MS,
    start: ({ contentLength, ...info }) =>
      emit('start', { ...info, contentLength: contentLength ?? null }),
    progress(progress) {
      const { bytes, contentLength, received, rateBps, elapsedMs } = progress
      const left = remainingMs(progress)
      emit('progress', {
        bytes,
        contentLength: contentLength ?? null,
        rateBps: Math.round(rateBps),
        elapsedMs: Math.round(elapsedMs),
        etaMs: left === undefined ? null : Math.round(left),
        received: received ?? null,
      })
    },
    note: (text) => emit('note', { text }),
    done({ elapsedMs, received, ...info }) {
      emit('done', { ...info, elapsedMs: Math.round(elapsedMs), received: received ?? null })
    },
    failed(error) {
      const { code, message, hint } = error
      emit('failed', { code, message, hint: hint ?? null, exitCode: errorInfo(code).exit })
    },
  }
}

/** The one line a person gets about an error: what, where, and how to mend it. */
export function errorLine({ message, hint }: AppError): string {
  return `dfget: ${oneLine(message)}${hint === undefined ? '' : `; ${oneLine(hint)}`}`
}
