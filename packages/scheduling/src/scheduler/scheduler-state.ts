import type { HostId, TaskId } from '@df/proto'
import type { ParentId, SchedulerCommand } from './events.ts'
import type { PlacementPolicy, Swarm, SwarmMember } from './placement-policy.ts'
import { createSeededRandom, type SeededRandom } from './seeded-random.ts'
import { stripedTrees } from './striped-trees.ts'

export interface SchedulerOptions {
  /** Of all random choices; any integer. */
  seed: number
  /** Hosts that the seed feeds in each stripe while others can: 1 (the default) sends the content once. */
  seedSlots?: number
  policy?: PlacementPolicy
}

/**
 * Everything the scheduler knows. Owned by the caller, changed in place by `reduce`, and by nothing else.
 */
export interface SchedulerState {
  readonly random: SeededRandom
  readonly seedSlots: number
  readonly policy: PlacementPolicy
  readonly tasks: Map<TaskId, SchedulerTask>
  /** The tasks of each host. */
  readonly hosts: Map<HostId, Set<SchedulerTask>>
  /** Tasks for which something is due at a certain time. */
  readonly timed: Set<SchedulerTask>
  /** The time of the `wake` command that no `tick` has answered yet. */
  wakeAt: number | undefined
}

export interface SchedulerTask {
  readonly task: TaskId
  readonly members: Map<HostId, Member>
  /** Members that wait to be placed: for the task to be ready, or for their batch. */
  readonly pending: Set<Member>
  /** Placed members in no order, for random choices. */
  readonly roster: Member[]
  /** Until then joins are gathered. */
  gatherUntil: number
  content: { stripes: number; pieces: number; swarm: Swarm } | undefined
  /** Hosts that served a wrong piece. Outlives their membership. */
  readonly banned: Set<HostId>
  /** By reporter, the hosts that were banned on its word. Outlives membership too. */
  readonly accusations: Map<HostId, Set<HostId>>
  /** Members that do not answer others, and until when they are not asked to. */
  readonly demoted: Map<Member, number>
  /** Placed members with fewer spares than they should have. */
  readonly wanting: Set<Member>
  /** Members whose plan may differ from the one sent, beside those the swarm knows of. */
  readonly stale: Set<Member>
}

export interface Member extends SwarmMember {
  have: number
  complete: boolean
  serving: boolean
  readonly avoided: Set<HostId>
  /** Index in the roster, -1 while pending. */
  rosterIndex: number
  spares: Member[]
  /** Those that have it for a spare. */
  readonly spareOf: Set<Member>
  /** Who reported it lost, and when. */
  readonly lostBy: Map<HostId, number>
  demotions: number
  /** The plan it was sent last. */
  sent: { parents: ParentId[]; spares: HostId[] } | undefined
}

/** One call of the reducer. */
export interface Turn {
  readonly state: SchedulerState
  readonly now: number
  readonly commands: SchedulerCommand[]
}

export function createSchedulerState(options: SchedulerOptions): SchedulerState {
  return {
    random: createSeededRandom(options.seed),
    seedSlots: options.seedSlots ?? 1,
    policy: options.policy ?? stripedTrees,
    tasks: new Map(),
    hosts: new Map(),
    timed: new Set(),
    wakeAt: undefined,
  }
}

export function createTask(task: TaskId): SchedulerTask {
  return {
    task,
    members: new Map(),
    pending: new Set(),
    roster: [],
    gatherUntil: Number.NEGATIVE_INFINITY,
    content: undefined,
    banned: new Set(),
    accusations: new Map(),
    demoted: new Map(),
    wanting: new Set(),
    stale: new Set(),
  }
}

export function createMember(host: HostId, have: number, serving: boolean): Member {
  return {
    host,
    have,
    complete: false,
    serving,
    avoided: new Set(),
    rosterIndex: -1,
    spares: [],
    spareOf: new Set(),
    lostBy: new Map(),
    demotions: 0,
    sent: undefined,
  }
}
