import { redactUrl } from '@df/oci'
import type { HostId, PreheatItem, PreheatJob, PreheatSummary, TaskId } from '@df/proto'
import { digestOf, type Item, itemState, type Job, stepState } from './job.ts'

/** With more pairs of contents and hosts than this, only hosts that something went wrong at are shown. */
const MAX_SHOWN_STEPS = 50_000

/** What a job does not know itself: where the bytes are at this moment. */
export interface LiveBytes {
  /** At the SuperNode, of an item that is being read. */
  seed(item: number): number
  host(host: HostId, task: TaskId): number
}

export function jobView(job: Job, live: LiveBytes): PreheatJob {
  const showsAll = job.items.length * job.hosts.length <= MAX_SHOWN_STEPS
  return {
    ...summaryView(job, live),
    items: job.items.map((item, at) => ({
      task: item.task,
      url: redactUrl(item.url),
      digest: digestOf(item),
      contentLength: item.contentLength,
      of: item.of,
      platform: item.platform,
      state: itemState(item),
      error: item.seedError ?? Object.values(item.hostErrors)[0] ?? null,
      seed: { haveBytes: seedBytes(item, at, live), state: stepState(item.seed) },
      hosts: showsAll || item.hosts.includes('f') ? hostSteps(job, item, { live, showsAll }) : [],
    })),
  }
}

export function summaryView(job: Job, live: LiveBytes): PreheatSummary {
  const { id, state, createdAtMs, finishedAtMs, request, items, subjects, hosts, errors } = job
  const states = items.map(itemState)
  const isAllKnown =
    subjects.every((subject) => subject.state !== 'waiting') &&
    items.every(({ contentLength }) => contentLength !== null)
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
  return {
    id,
    state,
    createdAt: new Date(createdAtMs).toISOString(),
    finishedAt: finishedAtMs === null ? null : new Date(finishedAtMs).toISOString(),
    request,
    totals: {
      items: items.length,
      complete: states.filter((one) => one === 'complete').length,
      failed: states.filter((one) => one === 'failed').length,
      bytes: isAllKnown ? sum(items.map(({ contentLength }) => contentLength ?? 0)) : null,
      haveBytes: sum(items.map((item, at) => seedBytes(item, at, live))),
      hosts: hosts.length,
    },
    errors,
  }
}

function seedBytes(item: Item, at: number, live: LiveBytes): number {
  return item.seed === 'c' ? (item.contentLength ?? 0) : live.seed(at)
}

function hostSteps(
  { hosts }: Job,
  item: Item,
  { live, showsAll }: { live: LiveBytes; showsAll: boolean },
): PreheatItem['hosts'] {
  return hosts.flatMap((host, index) => {
    const state = stepState(item.hosts[index])
    if (!showsAll && state !== 'failed') return []
    return {
      host,
      state,
      haveBytes:
        state === 'complete'
          ? (item.contentLength ?? 0)
          : state === 'running'
            ? live.host(host, item.task)
            : 0,
      error: item.hostErrors[host] ?? (state === 'failed' ? item.seedError : null),
    }
  })
}
