import { AppError } from '@df/proto'
import { expect, test } from 'vitest'
import { createPreheatTextReporter } from './preheat-reporter.ts'
import { itemOf, jobOf } from './test-support.ts'

function terminal(columns: number | undefined) {
  const shown = { text: '' }
  const sink = { write: (text: string) => void (shown.text += text), columns: () => columns }
  const reporter = createPreheatTextReporter(sink, { quiet: false })
  const text = () => shown.text.replaceAll('\r', '<start>').replaceAll('\x1b[K', '<clear>\n')
  return { reporter, text }
}

const progress = {
  bytes: 250,
  totalBytes: 600,
  items: 12,
  complete: 3,
  failed: 0,
  rateBps: 50,
  elapsedMs: 5000,
}

test('a terminal gets a bar, with how many contents are complete, that gives way to the summary', () => {
  const { reporter, text } = terminal(60)
  reporter.ordered(jobOf())
  reporter.progress(progress)
  reporter.note('dfget: something happened')
  reporter.progress({ ...progress, totalBytes: undefined })
  reporter.done(jobOf({ items: [itemOf('a', { seed: 100, hosts: [100, 100] })] }))
  expect(text()).toMatchInlineSnapshot(`
    "preheat 0123456789abcdef
    <start>3/12  41%  [=====>        ]  250 B of 600 B  50 B/s  ETA 7s<clear>
    <start><clear>
    dfget: something happened
    <start>3/12 [                  <=>                ]  250 B  50 B/s<clear>
    <start><clear>
    preheat 0123456789abcdef: 1 content, 100 B, at the SuperNode and 2 hosts
    "
  `)
})

test('one that is too narrow gets none', () => {
  const { reporter, text } = terminal(10)
  reporter.progress(progress)
  expect(text()).toBe('<start><clear>\n')
})

test('many errors are cut short', () => {
  const { reporter, text } = terminal(undefined)
  const error = new AppError('ORIGIN_NOT_FOUND', 'a: no such tag', { hint: 'check it' })
  reporter.failed(Array.from({ length: 22 }, () => error))
  const lines = text().trimEnd().split('\n')
  expect(lines).toHaveLength(21)
  expect(lines[0]).toBe('dfget: a: no such tag; check it')
  expect(lines.at(-1)).toBe('dfget: 2 more errors; dfget preheat show tells them')
})
