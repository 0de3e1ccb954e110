import { formatSize } from '@df/kit'
import type { KeptPreheatRequest, PreheatJob, PreheatSummary } from '@df/proto'
import { oneLine } from '../progress/text.ts'

const NAMED_SUBJECTS = 3

/** One line of a list: id, state, when, how far, and what. */
export function jobLine({ id, state, createdAt, totals, request }: PreheatSummary): string {
  const { items, complete, bytes, haveBytes, hosts } = totals
  const size = bytes === null ? formatSize(haveBytes) : formatSize(bytes)
  return [
    id,
    state.padEnd(9),
    createdAt.slice(0, 19).replace('T', ' '),
    `${complete}/${items}`.padStart(9),
    size.padStart(9),
    `${hosts} ${hosts === 1 ? 'host' : 'hosts'}`.padStart(9),
    oneLine(subjectsText(request)),
  ].join('  ')
}

/** All of a job, a line for each content, and below it for each host that has not all of it. */
export function jobLines(job: PreheatJob): string[] {
  const problems = job.errors.map(({ of, error }) => `  ${of}: ${error.code}: ${error.message}`)
  const items = job.items.flatMap(({ of, platform, state, contentLength, seed, hosts, error }) => [
    [
      ' ',
      state.padEnd(8),
      shareText(seed.haveBytes, contentLength).padStart(4),
      (contentLength === null ? '?' : formatSize(contentLength)).padStart(9),
      of,
      ...(platform === null ? [] : [platform]),
      ...(error === null ? [] : [`${error.code}: ${error.message}`]),
    ].join(' '),
    ...hosts
      .filter((at) => at.state !== 'complete')
      .map((at) =>
        [
          '   ',
          at.state.padEnd(8),
          shareText(at.haveBytes, contentLength).padStart(4),
          `host ${at.host}`,
          ...(at.error === null ? [] : [`${at.error.code}: ${at.error.message}`]),
        ].join(' '),
      ),
  ])
  return [jobLine(job), ...problems, ...items].map(oneLine)
}

function subjectsText({ images = [], urls = [] }: KeptPreheatRequest): string {
  const all = [...images, ...urls]
  const more = all.length - NAMED_SUBJECTS
  return all.slice(0, NAMED_SUBJECTS).join(' ') + (more > 0 ? ` and ${more} more` : '')
}

function shareText(haveBytes: number, contentLength: number | null): string {
  if (contentLength === null) return '?'
  return `${contentLength === 0 ? 100 : Math.floor((haveBytes / contentLength) * 100)}%`
}
