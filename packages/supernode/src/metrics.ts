import type { Metrics } from '@df/kit'
import type { ErrorCode, TaskIdentity, TaskState } from '@df/proto'
import type { SchedulerEvent } from '@df/scheduling'
import type { Efficiency } from './swarm/efficiency.ts'

/** What the metrics that are read at each scrape are read from. */
export interface MetricSources {
  sessions(): number
  tasks(state: TaskState): number
  storedBytes(): number
  quotaBytes(): number
}

/** All metrics of the SuperNode beside those of every program. */
export interface SupernodeMetrics {
  originRead(identity: TaskIdentity, bytes: number): void
  /** Bytes of an origin that went past the seed, straight to a caller. */
  readDirectly(bytes: number): void
  pieceStored(identity: TaskIdentity, bytes: number): void
  uploaded(bytes: number): void
  failed(part: 'seed' | 'content' | 'redirect', code: ErrorCode): void
  /** A caller that a registry redirected was answered. */
  redirected(kind: string, status: number): void
  firstByte(seconds: number): void
  /** Nobody fetches a content any more. */
  swarmRested(efficiency: Efficiency): void
  /** The scheduler took an event in. */
  scheduled(event: SchedulerEvent['type'], seconds: number): void
}

/** From an event that concerns one host to one that places a fleet. */
const EVENT_BUCKETS = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3]

const states: readonly TaskState[] = ['seeding', 'complete', 'failed', 'idle']

export function createSupernodeMetrics(metrics: Metrics, sources: MetricSources): SupernodeMetrics {
  const originBytes = metrics.counter('origin_read_bytes_total', 'Bytes read from origins')
  const registryBytes = metrics.counter(
    'registry_read_bytes_total',
    'Bytes of blobs read from registries',
  )
  const blobBytes = metrics.counter('blob_bytes_total', 'Bytes of blobs stored, each byte once')
  const uploadedBytes = metrics.counter('uploaded_bytes_total', 'Bytes sent to hosts')
  const errors = metrics.counter('errors_total', 'Failures, by part and error code', [
    'part',
    'code',
  ])
  const firstByteSeconds = metrics.histogram(
    'seed_first_byte_seconds',
    'From the wish for a content to its first byte from the origin',
  )
  const hostRatio = metrics.histogram(
    'host_floor_ratio',
    'Time of a host to fetch a content, from its join, ÷ least time that the known rates allow; counted when nobody fetches it any more',
  )
  const seedRatio = metrics.histogram(
    'swarm_seed_ratio',
    'Bytes that the SuperNode sent of a content, for each of its bytes; counted when nobody fetches it any more',
  )
  const eventSeconds = metrics.histogram(
    'scheduler_event_seconds',
    'Time of the scheduler to take an event in, by its type',
    ['event'],
    EVENT_BUCKETS,
  )
  const redirects = metrics.counter(
    'redirects_total',
    'Requests of callers that a registry redirected here',
    ['kind', 'status'],
  )
  let read = 0
  let stored = 0
  metrics.gauge(
    'registry_bytes_per_blob_byte_ratio',
    'Bytes read from registries for each byte of a blob',
    [],
    () => (stored === 0 ? 0 : read / stored),
  )
  metrics.gauge('sessions', 'Hosts with a session', [], sources.sessions)
  metrics.gauge('stored_bytes', 'Bytes of stored content', [], sources.storedBytes)
  metrics.gauge(
    'quota_bytes',
    'Most bytes of stored content, 0 for no limit',
    [],
    sources.quotaBytes,
  )
  for (const state of states) {
    metrics.gauge(`tasks_${state}`, `Tasks that are ${state}`, [], () => sources.tasks(state))
  }
  return {
    originRead(identity, bytes) {
      originBytes.inc(bytes)
      if (identity.kind !== 'blob') return
      read += bytes
      registryBytes.inc(bytes)
    },
    readDirectly: (bytes) => originBytes.inc(bytes),
    pieceStored(identity, bytes) {
      if (identity.kind !== 'blob') return
      stored += bytes
      blobBytes.inc(bytes)
    },
    uploaded: (bytes) => uploadedBytes.inc(bytes),
    failed: (part, code) => errors.inc({ part, code }),
    redirected: (kind, status) => redirects.inc({ kind, status: String(status) }),
    firstByte: (seconds) => firstByteSeconds.observe(seconds),
    swarmRested({ finishes, seedRatio: ratio }) {
      if (ratio !== undefined) seedRatio.observe(ratio)
      for (const { afterMs, floorMs } of finishes) {
        if (floorMs !== undefined) hostRatio.observe(afterMs / floorMs)
      }
    },
    scheduled: (event, seconds) => eventSeconds.observe({ event }, seconds),
  }
}
