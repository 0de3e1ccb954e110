import type { HostId, PreheatItem, PreheatJob, TaskId } from '@df/proto'

/** A job as a SuperNode tells it; of one image, ordered for itself alone, unless said otherwise. */
export function jobOf({
  items = [],
  totals,
  ...job
}: Partial<Omit<PreheatJob, 'totals'>> & {
  totals?: Partial<PreheatJob['totals']>
} = {}): PreheatJob {
  return {
    id: '0123456789abcdef',
    state: 'running',
    createdAt: '2026-01-01T00:00:00.000Z',
    finishedAt: null,
    request: { images: ['r.lan/app:1'] },
    totals: {
      items: items.length,
      complete: items.filter(({ state }) => state === 'complete').length,
      failed: items.filter(({ state }) => state === 'failed').length,
      bytes: items.reduce((sum, { contentLength }) => sum + (contentLength ?? 0), 0),
      haveBytes: items.reduce((sum, { seed }) => sum + seed.haveBytes, 0),
      hosts: Math.max(0, ...items.map(({ hosts }) => hosts.length)),
      ...totals,
    },
    errors: [],
    items,
    ...job,
  }
}

/** A content of 100 bytes of which the SuperNode and so many hosts have so much. */
export function itemOf(
  name: string,
  {
    seed = 0,
    hosts = [] as number[],
    ...item
  }: Partial<Omit<PreheatItem, 'seed' | 'hosts'>> & {
    seed?: number
    hosts?: number[]
  } = {},
): PreheatItem {
  const stateOf = (haveBytes: number) => (haveBytes === 100 ? 'complete' : 'running')
  return {
    task: Buffer.from(name).toString('hex').padEnd(64, '0') as TaskId,
    url: `https://r.lan/v2/app/blobs/${name}`,
    digest: null,
    contentLength: 100,
    of: 'r.lan/app:1',
    platform: null,
    state: stateOf(Math.min(seed, ...hosts)),
    error: null,
    seed: { haveBytes: seed, state: stateOf(seed) },
    hosts: hosts.map((haveBytes, at) => ({
      host: String(at).padStart(32, '0') as HostId,
      state: stateOf(haveBytes),
      haveBytes,
      error: null,
    })),
    ...item,
  }
}
