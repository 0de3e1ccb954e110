import type { RunResult, Spread } from './result.ts'

const columns: readonly [title: string, cell: (result: RunResult) => string][] = [
  ['hosts', ({ hosts, finished }) => (hosts === finished ? `${hosts}` : `${finished} of ${hosts}`)],
  ['floor, ms', ({ floorMs }) => floorMs.toFixed(0)],
  ['÷ floor p50 / p99 / p99.9 / max', ({ ratio }) => ratioText(ratio)],
  ['fast hosts', ({ fastRatio }) => ratioText(fastRatio)],
  ['slow hosts', ({ slowRatio }) => ratioText(slowRatio)],
  ['last, ms', ({ finishMs }) => finishMs?.max.toFixed(0) ?? '–'],
  [
    'first piece p50 / max, ms',
    ({ firstPieceMs: all }) => (all ? `${all.p50.toFixed(0)} / ${all.max.toFixed(0)}` : '–'),
  ],
  [
    'stalls p50 / p99, ms',
    ({ stallMs: all }) => (all ? `${all.p50.toFixed(0)} / ${all.p99.toFixed(0)}` : '–'),
  ],
  ['layers p50, first / middle / last', ({ layerRatios }) => layersText(layerRatios)],
  ['seed ÷ size', ({ seedBytesPerByte }) => seedBytesPerByte.toFixed(2)],
  [
    'wasted ÷ size, per host',
    ({ wastedBytesPerByte, hosts }) => (wastedBytesPerByte / hosts).toFixed(3),
  ],
  ['cross-zone ÷ size', ({ crossZoneBytesPerByte }) => crossZoneBytesPerByte.toFixed(2)],
  [
    'messages / host',
    ({ messagesUpPerHost: up, messagesDownPerHost: down }) =>
      `${up.toFixed(1)} up, ${down.toFixed(1)} down`,
  ],
  ['reducer CPU ÷ time', ({ cpuShare }) => `${(100 * cpuShare).toFixed(1)} %`],
]

/** Runs as rows of a table in Markdown. */
export function tableOf(runs: readonly { name: string; result: RunResult }[]): string {
  const rows = [
    ['run', ...columns.map(([title]) => title)],
    ['---', ...columns.map(() => '---')],
    ...runs.map(({ name, result }) => [name, ...columns.map(([, cell]) => cell(result))]),
  ]
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function layersText(ratios: readonly Spread[]): string {
  if (ratios.length === 0) return '–'
  const shown = [0, Math.ceil(ratios.length / 2) - 1, ratios.length - 1]
  return shown.map((layer) => ratios[layer]?.p50.toFixed(2)).join(' / ')
}

function ratioText(spread: Spread | undefined): string {
  if (spread === undefined) return '–'
  return [spread.p50, spread.p99, spread.p999, spread.max]
    .map((value) => value.toFixed(3))
    .join(' / ')
}
