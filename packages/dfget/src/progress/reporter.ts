import type { AppError } from '@df/proto'
import { errorFields, errorLine, Lines, type TextSink } from './lines.ts'
import { type DoneInfo, type Progress, remainingMs, type StartInfo } from './progress.ts'
import { barLine, plainLine, summaryLine } from './text.ts'

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

/** How often programs are told. */
export const EVENTS_EVERY_MS = 500

/** A bar that redraws itself on a terminal, a plain line every few seconds elsewhere, none when `quiet`; a summary at the end. */
export function createTextReporter(sink: TextSink, { quiet }: { quiet: boolean }): Reporter {
  const lines = new Lines(sink)
  const line = (text: string) => lines.write(text)
  return {
    everyMs: lines.everyMs,
    start() {},
    progress(progress) {
      if (quiet) return
      lines.redraw({
        bar: (columns) => barLine(progress, columns),
        plain: () => plainLine(progress),
      })
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
    done({ elapsedMs, received, efficiency, ...info }) {
      emit('done', {
        ...info,
        elapsedMs: Math.round(elapsedMs),
        received: received ?? null,
        efficiency: efficiency ?? null,
      })
    },
    failed: (error) => emit('failed', errorFields(error)),
  }
}
