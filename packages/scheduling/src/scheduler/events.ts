import type { HostId, StripeIndex, TaskId } from '@df/proto'

/**
 * What happens to the scheduler. All facts the reducer needs are in the event: it has no clock, no I/O and
 * no randomness of its own, so a recorded log of (event, now) replays to the same commands.
 */
export type SchedulerEvent =
  /** Rates are the host's own limits, bytes per second; absent: none. `location`: region, zone, rack, as far as known. */
  | { type: 'host-up'; host: HostId; upBps?: number; downBps?: number; location?: string[] }
  /** The session is gone and did not come back within the grace time. */
  | { type: 'host-down'; host: HostId }
  /** `have`: pieces the host holds already (counted). The plan follows when the task is ready. */
  | { type: 'join'; host: HostId; task: TaskId; have: number }
  /** The seed knows the content; it can serve (or hold requests for) every piece from now on. */
  | { type: 'task-ready'; task: TaskId; stripes: number; pieces: number }
  /** The task failed or was deleted: its swarm is forgotten. */
  | { type: 'task-gone'; task: TaskId }
  | { type: 'progress'; host: HostId; task: TaskId; have: number }
  /** The most that the host was seen to receive lately, bytes per second. */
  | { type: 'rates'; host: HostId; downBps: number }
  /** A child takes the pieces of a stripe slower than its siblings: this part of what the fastest of them takes. */
  | {
      type: 'slow'
      host: ParentId
      task: TaskId
      child: HostId
      stripe: StripeIndex
      share: number
    }
  | { type: 'lost'; host: HostId; task: TaskId; parent: HostId }
  | { type: 'bad'; host: HostId; task: TaskId; parent: HostId; piece: number }
  | { type: 'leave'; host: HostId; task: TaskId }
  /** The time asked for by a `wake` command has come. */
  | { type: 'tick' }

/** `seed` stands for the SuperNode's own copy. */
export type ParentId = HostId | 'seed'

/** What the scheduler wants done. */
export type SchedulerCommand =
  /** The host's plan for the task, whole: `parents[s]` for stripe s. Sent only when it differs from the last one. */
  | { type: 'plan'; host: HostId; task: TaskId; parents: ParentId[]; spares: HostId[] }
  /** Call the reducer with a `tick` at this time (milliseconds, the clock of `now`) or soon after. */
  | { type: 'wake'; at: number }

/** The event of one type. */
export type EventOf<T extends SchedulerEvent['type']> = Extract<SchedulerEvent, { type: T }>
