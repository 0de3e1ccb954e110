import { formatDuration, formatSize } from '@df/kit'
import type { AppError, PreheatItem, PreheatJob } from '@df/proto'
import { errorFields, errorLine, Lines, type TextSink } from '../progress/lines.ts'
import { type Progress, remainingMs } from '../progress/progress.ts'
import { EVENTS_EVERY_MS } from '../progress/reporter.ts'
import { barLine, plainLine } from '../progress/text.ts'
import type { PreheatStanding } from './standing.ts'

export interface PreheatProgress extends PreheatStanding {
  /** Bytes per second over the last seconds, all places together. */
  rateBps: number
  elapsedMs: number
}

/** Tells a person or a program how a preheat goes. */
export interface PreheatReporter {
  /** How often {@link progress} wants to be called. */
  readonly everyMs: number
  /** The SuperNode took the order. */
  ordered(job: PreheatJob): void
  progress(progress: PreheatProgress): void
  /** A content that is complete everywhere, or failed. */
  ended(item: PreheatItem): void
  note(text: string): void
  done(job: PreheatJob): void
  /** Why not all of it was done; the first error is the command's. */
  failed(errors: readonly AppError[]): void
}

/** Errors that a person is told, one line each. */
const MAX_ERROR_LINES = 20

/** A bar on a terminal, a plain line every few seconds elsewhere, neither when `quiet`; a summary at the end. */
export function createPreheatTextReporter(
  sink: TextSink,
  { quiet }: { quiet: boolean },
): PreheatReporter {
  const lines = new Lines(sink)
  return {
    everyMs: lines.everyMs,
    ordered: ({ id }) => lines.write(`preheat ${id}`),
    progress(progress) {
      if (quiet) return
      const { complete, items } = progress
      const figures = progressOf(progress)
      lines.redraw({
        bar(columns) {
          const count = `${complete}/${items} `
          return columns > 2 * count.length ? count + barLine(figures, columns - count.length) : ''
        },
        plain: () => `${complete} of ${items} contents, ${plainLine(figures)}`,
      })
    },
    ended() {},
    note: (text) => lines.write(text),
    done: (job) => lines.write(summaryOf(job)),
    failed(errors) {
      for (const error of errors.slice(0, MAX_ERROR_LINES)) lines.write(errorLine(error))
      const more = errors.length - MAX_ERROR_LINES
      if (more > 0) lines.write(`dfget: ${more} more errors; dfget preheat show tells them`)
    },
  }
}

/** One JSON object per line: `start`, `progress`, `item`, `note`, `done`, `failed`. Sizes in bytes, times in ms. */
export function createPreheatJsonReporter(sink: TextSink): PreheatReporter {
  const emit = (event: string, fields: object) =>
    sink.write(`${JSON.stringify({ event, ...fields })}\n`)
  return {
    everyMs: EVENTS_EVERY_MS,
    ordered: ({ id, request }) => emit('start', { preheat: id, request }),
    progress({ totalBytes, rateBps, elapsedMs, ...counts }) {
      const left = remainingMs(progressOf({ totalBytes, rateBps, elapsedMs, ...counts }))
      emit('progress', {
        ...counts,
        totalBytes: totalBytes ?? null,
        rateBps: Math.round(rateBps),
        elapsedMs: Math.round(elapsedMs),
        etaMs: left === undefined ? null : Math.round(left),
      })
    },
    ended: (item) => emit('item', item),
    note: (text) => emit('note', { text }),
    done: (job) =>
      emit('done', { preheat: job.id, totals: job.totals, elapsedMs: durationMs(job) ?? null }),
    failed([error, ...more]) {
      if (error === undefined) return
      emit('failed', { ...errorFields(error), more: more.map((each) => errorFields(each)) })
    },
  }
}

function progressOf({ bytes, totalBytes, rateBps, elapsedMs }: PreheatProgress): Progress {
  return { bytes, contentLength: totalBytes, received: undefined, rateBps, elapsedMs }
}

/** `preheat 0123456789abcdef: 12 contents, 180 MiB, at the SuperNode and 4 hosts, in 12.3s`. */
function summaryOf(job: PreheatJob): string {
  const { items, bytes, hosts } = job.totals
  const tookMs = durationMs(job)
  return [
    `preheat ${job.id}: ${items} ${items === 1 ? 'content' : 'contents'}`,
    bytes === null ? '' : formatSize(bytes),
    `at the SuperNode${hosts === 0 ? '' : ` and ${hosts} ${hosts === 1 ? 'host' : 'hosts'}`}`,
    tookMs === undefined ? '' : `in ${formatDuration(tookMs)}`,
  ]
    .filter((part) => part !== '')
    .join(', ')
}

function durationMs({ createdAt, finishedAt }: PreheatJob): number | undefined {
  return finishedAt === null ? undefined : Date.parse(finishedAt) - Date.parse(createdAt)
}
