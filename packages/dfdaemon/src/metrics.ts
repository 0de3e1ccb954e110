import type { TaskSnapshot } from '@df/dfget'
import type { Metrics } from '@df/kit'
import type { ServingMetrics } from '@df/oci'
import type { BytesBySource } from '@df/proto'
import type { OrderOutcome } from './orders/order-book.ts'

/** All that dfdaemon counts of itself. */
export interface DaemonMetrics extends ServingMetrics {
  /** Bytes of content that arrived; `direct` is the registry past the engine. */
  countReceived(source: keyof BytesBySource | 'direct', bytes: number): void
  countUploaded(bytes: number): void
  /** A task is complete. */
  countTask(task: Pick<TaskSnapshot, CountedFigure>): void
  /** An order of a SuperNode ended. */
  countOrder(outcome: OrderOutcome): void
}

type CountedFigure = 'durationMs' | 'floor' | 'repeatedPieces' | 'repairedPieces'

export function createDaemonMetrics(
  metrics: Metrics,
  engine: () => { sessions(): { connected: boolean }[] },
): DaemonMetrics {
  const blobBytes = metrics.counter('blob_bytes_total', 'Bytes of blobs sent to container engines')
  const registryBytes = metrics.counter(
    'registry_bytes_total',
    'Bytes of content that this host itself read from registries and other origins',
  )
  const receivedBytes = metrics.counter(
    'received_bytes_total',
    'Bytes of content received, by where they came from',
    ['source'],
  )
  const uploadedBytes = metrics.counter('uploaded_bytes_total', 'Bytes sent to other hosts')
  const firstByte = metrics.histogram(
    'first_byte_seconds',
    'Time from a request to the first byte of its body',
    ['kind'],
  )
  const pulls = metrics.counter('pulls_total', 'Requests of the registry API', ['kind', 'status'])
  const rights = metrics.counter('rights_total', 'How rights to blobs were found', ['outcome'])
  const orders = metrics.counter(
    'orders_total',
    'Contents that SuperNodes ordered to be fetched ahead, by how that ended',
    ['outcome'],
  )
  const tasks = metrics.counter(
    'tasks_completed_total',
    'Contents that were fetched whole, by whether their floor is known',
    ['floor'],
  )
  const floorRatio = metrics.histogram(
    'task_floor_ratio',
    'Time to fetch a content ÷ least time that the known rate allows, by which rate that is: the limit set, the most this host was seen to receive, the limit of the SuperNode',
    ['by'],
  )
  const repeated = metrics.counter(
    'repeated_pieces_total',
    'Pieces of complete contents that came a second time, in vain',
  )
  const repaired = metrics.counter(
    'repaired_pieces_total',
    'Pieces of complete contents that came of others than the parent of their stripe, as that was late',
  )
  const errors = metrics.counter('errors_total', 'Failures, by part and error code', [
    'part',
    'code',
  ])
  metrics.gauge('sessions', 'SuperNodes with a session that is up', [], () => {
    return engine()
      .sessions()
      .filter((session) => session.connected).length
  })

  return {
    countPull({ kind, status, bytesSent, firstByteMs }) {
      pulls.inc({ kind, status: String(status) })
      if (kind === 'blob') blobBytes.inc(bytesSent)
      if (firstByteMs !== undefined) firstByte.observe({ kind }, firstByteMs / 1000)
    },
    countRight: (outcome) => rights.inc({ outcome }),
    countReceived(source, bytes) {
      receivedBytes.inc({ source }, bytes)
      if (source === 'origin' || source === 'direct') registryBytes.inc(bytes)
    },
    countTask({ durationMs, floor, repeatedPieces, repairedPieces }) {
      tasks.inc({ floor: floor === undefined ? 'unknown' : 'known' })
      if (floor !== undefined) floorRatio.observe({ by: floor.by }, durationMs / floor.ms)
      repeated.inc(repeatedPieces)
      repaired.inc(repairedPieces)
    },
    countUploaded: (bytes) => uploadedBytes.inc(bytes),
    countOrder: (outcome) => orders.inc({ outcome }),
    countError: (part, code) => errors.inc({ part, code }),
  }
}
