import { expect, test } from 'vitest'
import { type Check, type DoctorContext, failure, ok, skipped, warning } from './check.ts'
import { type Diagnosis, examine } from './examine.ts'
import { jsonReport, textReport } from './report.ts'

// The checks of these tests look at nothing.
const context = {} as DoctorContext
const check = (name: string, run: Check['run']): Check => ({ name, summary: '', run })

test('a check that hangs is skipped, one that breaks is told, and the others are there', async () => {
  const found = await examine(
    [
      check('slow', () => new Promise(() => {})),
      check('broken', async () => {
        throw new Error('boom')
      }),
      check('fine', async () => [ok('all is well')]),
    ],
    context,
    50,
  )
  expect(found).toEqual([
    { check: 'slow', level: 'skipped', message: 'not done within 0.05 s' },
    {
      check: 'broken',
      level: 'error',
      message: 'the check itself failed: boom',
      mend: 'report this as a bug of dfdaemon doctor',
    },
    { check: 'fine', level: 'ok', message: 'all is well' },
  ])
})

const found: Diagnosis[] = [
  { check: 'disk', ...ok('/data: writable') },
  { check: 'registry', ...failure('http://u:p@r/\u001b[2J is\nlost', 'start it') },
  { check: 'clock', ...warning('31 s off', 'set it') },
  { check: 'peers', ...skipped('no answer') },
]

test('the report is aligned, a line for each finding and one for its mend, without what others could smuggle in', () => {
  expect(textReport(found, { colour: false })).toMatchInlineSnapshot(`
    "disk      ok       /data: writable
    registry  error    http://r/ [2J is lost
                       → start it
    clock     warning  31 s off
                       → set it
    peers     skipped  no answer

    1 error, 1 warning, 1 skipped
    "
  `)
})

test('colours are for terminals', () => {
  expect(textReport(found, { colour: true })).toContain('\u001b[31merror  \u001b[0m')
})

test('JSON says the same to programs', () => {
  expect(JSON.parse(jsonReport(found))).toEqual({
    healthy: false,
    errors: 1,
    warnings: 1,
    findings: [
      { check: 'disk', level: 'ok', message: '/data: writable' },
      { check: 'registry', level: 'error', message: 'http://r/ [2J is lost', mend: 'start it' },
      { check: 'clock', level: 'warning', message: '31 s off', mend: 'set it' },
      { check: 'peers', level: 'skipped', message: 'no answer' },
    ],
  })
})
