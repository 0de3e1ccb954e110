import type { HostId, TaskId } from '@df/proto'
import type { ParentId, SchedulerCommand } from './events.ts'
import type { PlacementPolicy, Swarm, SwarmMember } from './placement-policy.ts'
import { type HostRates, RateBook } from './rate-book.ts'
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
  readonly rates: RateBook
  /** As of the last change of {@link rates}. */
  typicalBps: number
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
  /** Members that a parent calls slow, until another says so too. */
  readonly suspected: Map<Member, Suspicion>
  /** Placed members with fewer spares than they should have. */
  readonly wanting: Set<Member>
  /** Members whose plan may differ from the one sent, beside those the swarm knows of. */
  readonly stale: Set<Member>
}

/** Who called a member slow, and which part of its siblings' rate it took. */
export interface Suspicion {
  since: number
  readonly reports: Map<ParentId, number>
}

export interface Member extends SwarmMember {
  upBps: number | undefined
  downBps: number | undefined
  have: number
  complete: boolean
  serving: boolean
  avoided: ReadonlySet<HostId>
  /** Index in the roster, -1 while pending. */
  rosterIndex: number
  spares: Member[]
  /** Those that have it for a spare. */
  readonly spareOf: Member[]
  /** Who reported it lost, and when. */
  lostBy: ReadonlyMap<HostId, number>
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
  const rates = new RateBook()
  return {
    random: createSeededRandom(options.seed),
    seedSlots: options.seedSlots ?? 1,
    policy: options.policy ?? stripedTrees,
    rates,
    typicalBps: rates.typicalBps,
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
    suspected: new Map(),
    wanting: new Set(),
    stale: new Set(),
  }
}

// Shared by all hosts that nothing is wrong with: there are tens of thousands of them.
const nobody: ReadonlySet<HostId> = new Set()
const unlost: ReadonlyMap<HostId, number> = new Map()

export function createMember(
  host: HostId,
  have: number,
  { serving, rates }: { serving: boolean; rates: HostRates },
): Member {
  return {
    host,
    ...rates,
    have,
    complete: false,
    serving,
    avoided: nobody,
    rosterIndex: -1,
    spares: [],
    spareOf: [],
    lostBy: unlost,
    demotions: 0,
    sent: undefined,
  }
}
