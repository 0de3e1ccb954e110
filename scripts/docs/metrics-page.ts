import type { MetricInfo } from '@df/kit'
import { markdownTable } from './markdown-table.ts'

/** Markdown: every metric of the programs. */
export function metricsPage(metrics: Readonly<Record<string, readonly MetricInfo[]>>): string {
  return [
    '# Metrics',
    '',
    'At `/metrics` of each daemon, in the text format of Prometheus. Labels have few values, never names of images or',
    'hosts. The usual metrics of the process (`process_…`, `nodejs_…`) come with them.',
    '',
    ...Object.entries(metrics).flatMap(([program, list]) => [
      `## ${program}`,
      '',
      ...markdownTable(
        ['Metric', 'Type', 'Labels', 'Meaning'],
        list.map(({ name, type, labels, help }) => [
          `\`${name}\``,
          type,
          labels.map((label) => `\`${label}\``).join(', '),
          help,
        ]),
      ),
    ]),
  ].join('\n')
}
