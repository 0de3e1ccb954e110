import { AppError } from '@df/proto'
import { expect, test } from 'vitest'
import type { TextSink } from './lines.ts'
import type { Progress } from './progress.ts'
import { createJsonReporter, createTextReporter } from './reporter.ts'

function sink(columns: number | undefined): TextSink & { text: string } {
  return {
    text: '',
    write(text) {
      this.text += text
    },
    columns: () => columns,
  }
}

const start = {
  url: 'http://o/f',
  output: 'f',
  via: 'peer',
  contentLength: 8,
  resumedBytes: 0,
} as const
const progress: Progress = {
  bytes: 4,
  contentLength: 8,
  received: { peers: 0, seed: 4, origin: 0 },
  rateBps: 2.4,
  elapsedMs: 2000.4,
}
const done = {
  output: 'f',
  bytes: 8,
  resumedBytes: 0,
  elapsedMs: 4000.4,
  received: { peers: 0, seed: 8, origin: 0 },
  efficiency: undefined,
}
const error = new AppError('ORIGIN_NOT_FOUND', 'o answered 404', { hint: 'look at the URL' })

test('a terminal gets one line that redraws itself and gives way to the summary', () => {
  const to = sink(60)
  const reporter = createTextReporter(to, { quiet: false })
  expect(reporter.everyMs).toBe(100)
  reporter.start(start)
  reporter.progress(progress)
  reporter.progress({ ...progress, bytes: 8 })
  reporter.note('something happened')
  reporter.done(done)
  const shown = to.text.replaceAll('\r', '<start>').replaceAll('\x1b[K', '<clear>\n')
  expect(shown).toMatchInlineSnapshot(`
    "<start> 50%  [=========>         ]  4 B of 8 B  2.40 B/s  ETA 1.7s<clear>
    <start>100%  [====================]  8 B of 8 B  2.40 B/s  ETA 0ms<clear>
    <start><clear>
    something happened
    f: 8 B in 4s, 2.00 B/s, seed 100%
    "
  `)
})

test('elsewhere there is a plain line every few seconds', () => {
  const to = sink(undefined)
  const reporter = createTextReporter(to, { quiet: false })
  expect(reporter.everyMs).toBe(3000)
  reporter.start(start)
  reporter.progress(progress)
  reporter.failed(error)
  expect(to.text).toMatchInlineSnapshot(`
    "50%, 4 B of 8 B, 2.40 B/s, seed 100%, ETA 1.7s
    dfget: o answered 404; look at the URL
    "
  `)
})

test('quiet leaves the summary', () => {
  const to = sink(60)
  const reporter = createTextReporter(to, { quiet: true })
  reporter.start(start)
  reporter.progress(progress)
  reporter.done(done)
  expect(to.text).toMatchInlineSnapshot(`
    "f: 8 B in 4s, 2.00 B/s, seed 100%
    "
  `)
})

test('programs get one object per line', () => {
  const to = sink(60)
  const reporter = createJsonReporter(to)
  reporter.start({ ...start, contentLength: undefined })
  reporter.progress(progress)
  reporter.note('something happened')
  reporter.done({ ...done, received: undefined })
  reporter.failed(error)
  expect(
    to.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toMatchInlineSnapshot(`
    [
      {
        "contentLength": null,
        "event": "start",
        "output": "f",
        "resumedBytes": 0,
        "url": "http://o/f",
        "via": "peer",
      },
      {
        "bytes": 4,
        "contentLength": 8,
        "elapsedMs": 2000,
        "etaMs": 1667,
        "event": "progress",
        "rateBps": 2,
        "received": {
          "origin": 0,
          "peers": 0,
          "seed": 4,
        },
      },
      {
        "event": "note",
        "text": "something happened",
      },
      {
        "bytes": 8,
        "efficiency": null,
        "elapsedMs": 4000,
        "event": "done",
        "output": "f",
        "received": null,
        "resumedBytes": 0,
      },
      {
        "code": "ORIGIN_NOT_FOUND",
        "event": "failed",
        "exitCode": 3,
        "hint": "look at the URL",
        "message": "o answered 404",
      },
    ]
  `)
})
