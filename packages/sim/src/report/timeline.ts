import type { Trace, TraceMark } from './trace.ts'

export interface TimelineOptions {
  /** Of the run. */
  name: string
  /** One line about it. */
  about: string
  trace: Trace
  startedAtMs: number
  endedAtMs: number
  /** Drawn as a line. */
  floorMs: number
}

/** Rows of a picture; of larger fleets an even sample is drawn. */
const MAX_ROWS = 200
const WIDTH = 1000
const LEFT = 60
const ROW = 6
const TOP = 30

const looks: Readonly<Record<TraceMark, { colour: string; means: string }>> = {
  dies: { colour: '#c1121f', means: 'dies' },
  changes: { colour: '#e09f3e', means: 'rate changes' },
  'reported-bad': { colour: '#7209b7', means: 'reported: sent wrong bytes' },
  'reported-slow': { colour: '#f77f00', means: 'reported: receives slowly' },
  'supernode-stops': { colour: '#c1121f', means: 'SuperNode stops' },
  'supernode-starts': { colour: '#2a9d8f', means: 'SuperNode is back' },
}

/** A page with a picture of the run: a row for each host, darker the more of the content is there. */
export function timelineOf(options: TimelineOptions): string {
  const { name, about, trace, startedAtMs, endedAtMs, floorMs } = options
  const spanMs = Math.max(endedAtMs - startedAtMs, floorMs, 1)
  const x = (ms: number) => round(LEFT + ((ms - startedAtMs) / spanMs) * WIDTH)
  const shown = sampled([...trace.hosts.keys()])
  const rowOf = new Map(shown.map((host, row) => [host, row]))
  const bottom = TOP + shown.length * ROW
  const rows = shown.map((host, row) => hostRow(host, row))
  const marks = trace.marks.flatMap((at) => markOf(at))
  const used = [...new Set(trace.marks.map(({ mark }) => mark))]
  return page(name, about, [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + 20}" height="${bottom + 40}" font-family="sans-serif" font-size="11">`,
    ...axis(),
    ...rows,
    ...marks,
    `<line x1="${x(startedAtMs + floorMs)}" x2="${x(startedAtMs + floorMs)}" y1="${TOP - 6}" y2="${bottom}" stroke="#0a7" stroke-dasharray="4 2"><title>floor ${round(floorMs)} ms</title></line>`,
    '</svg>',
    `<p>${trace.hosts.size} hosts, ${shown.length} shown; the broken line is the floor, ${round(floorMs)} ms.</p>`,
    ...used.map(
      (mark) =>
        `<p><span style="color:${looks[mark].colour}">&#9679;</span> ${looks[mark].means}</p>`,
    ),
  ])

  function hostRow(host: number, row: number): string {
    const { joinedAtMs = startedAtMs, stepAtMs = [] } = trace.hosts.get(host) ?? {}
    const y = TOP + row * ROW
    const from = [joinedAtMs, ...stepAtMs]
    const bars = from.map((at, step) => {
      const width = round(x(from[step + 1] ?? endedAtMs) - x(at))
      return `<rect x="${x(at)}" y="${y}" width="${width}" height="${ROW - 1}" fill="${shade(step)}"/>`
    })
    return `<g><title>host ${host}</title>${bars.join('')}</g>`
  }

  function markOf({ mark, atMs, host }: Trace['marks'][number]): string[] {
    const { colour, means } = looks[mark]
    const at = x(atMs)
    if (host === undefined) {
      return [
        `<line x1="${at}" x2="${at}" y1="${TOP}" y2="${bottom}" stroke="${colour}"><title>${means}</title></line>`,
      ]
    }
    const row = rowOf.get(host)
    if (row === undefined) return []
    const y = TOP + row * ROW + ROW / 2 - 0.5
    return [
      `<circle cx="${at}" cy="${y}" r="3" fill="${colour}"><title>host ${host} ${means}, ${round(atMs)} ms</title></circle>`,
    ]
  }

  function axis(): string[] {
    return Array.from({ length: 6 }, (_, index) => {
      const ms = startedAtMs + (spanMs * index) / 5
      return `<text x="${x(ms)}" y="${TOP - 12}" text-anchor="middle">${Math.round(ms - startedAtMs)} ms</text>`
    })
  }
}

function sampled(hosts: readonly number[]): number[] {
  if (hosts.length <= MAX_ROWS) return [...hosts]
  return hosts.filter(
    (_, index) =>
      Math.floor((index * MAX_ROWS) / hosts.length) !==
      Math.floor(((index - 1) * MAX_ROWS) / hosts.length),
  )
}

/** From nearly white to dark blue in twenty steps. */
function shade(step: number): string {
  return `hsl(210 60% ${93 - 3 * step}%)`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function page(name: string, about: string, body: readonly string[]): string {
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><title>${escaped(name)}</title></head><body>`,
    `<h1>${escaped(name)}</h1><p>${escaped(about)}</p>`,
    ...body,
    '</body></html>',
    '',
  ].join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
