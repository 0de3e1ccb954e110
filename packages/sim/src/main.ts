import { readFileSync, writeFileSync } from 'node:fs'
import { AppError } from '@df/proto'
import { replay } from '@df/scheduling'
import { helpText, parseCommandLine, type Request } from './command-line.ts'
import { timelineOf } from './report/timeline.ts'
import { Trace } from './report/trace.ts'
import type { RunResult } from './result.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'
import { tableOf } from './table.ts'
import { runScenario } from './world.ts'

const clock = () => performance.now()

try {
  const request = parseCommandLine(process.argv.slice(2))
  if (request.do === 'help') console.log(helpText())
  if (request.do === 'list') {
    for (const { name, about } of scenarios) console.log(`${name.padEnd(20)} ${about}`)
  }
  if (request.do === 'replay') replayFile(request)
  if (request.do === 'run') runAll(request)
} catch (error) {
  if (!(error instanceof AppError)) throw error
  console.error(`sim: ${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}`)
  process.exitCode = 2
}

function runAll({ runs, isJson, timeline }: Extract<Request, { do: 'run' }>): void {
  const results: { name: string; result: RunResult }[] = []
  for (const { name, scenario } of runs) {
    const startedAt = clock()
    const trace = timeline === undefined ? undefined : new Trace()
    const result = runScenario(scenario, { clock, ...(trace && { trace }) })
    if (timeline !== undefined && trace !== undefined) {
      writeTimeline(timeline, timelineOf({ name, about: aboutOf(scenario), trace, ...result }))
    }
    results.push({ name, result })
    if (isJson) console.log(JSON.stringify({ name, scenario, result }))
    else console.error(`${name}: ${((clock() - startedAt) / 1000).toFixed(1)} s`)
  }
  if (!isJson) console.log(tableOf(results))
}

function aboutOf({ hosts, sizeBytes, seed }: Scenario): string {
  return `${hosts} hosts, ${sizeBytes} bytes, seed ${seed}`
}

function writeTimeline(path: string, page: string): void {
  try {
    writeFileSync(path, page)
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `--timeline: ${path} cannot be written`, {
      cause,
      hint: 'name a file in a folder that is there and yours',
    })
  }
}

function replayFile({ path, isJson }: Extract<Request, { do: 'replay' }>): void {
  const lines = readLines(path)
  const counts = new Map<string, { events: number; ms: number }>()
  let plans = 0
  let before = clock()
  for (const { event, commands } of replay(lines)) {
    const now = clock()
    const count = counts.get(event.type) ?? { events: 0, ms: 0 }
    count.events++
    count.ms += now - before
    counts.set(event.type, count)
    plans += commands.filter(({ type }) => type === 'plan').length
    before = clock()
  }
  const result = { events: lines.length - 1, plans, cpu: Object.fromEntries(counts) }
  if (isJson) console.log(JSON.stringify(result))
  else {
    console.log(`${result.events} events, ${plans} plans`)
    for (const [type, { events, ms }] of counts) {
      console.log(
        `${type.padEnd(12)} ${String(events).padStart(8)}  ${((1000 * ms) / events).toFixed(1)} µs each`,
      )
    }
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `--replay: ${path} cannot be read`, {
      cause,
      hint: 'give a file that the SuperNode wrote with --scheduler.record-events',
    })
  }
}
