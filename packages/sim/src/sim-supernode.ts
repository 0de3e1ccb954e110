import type { TaskId } from '@df/proto'
import {
  createSchedulerState,
  type PlacementPolicy,
  reduce,
  type SchedulerCommand,
  type SchedulerEvent,
  type SchedulerState,
} from '@df/scheduling'

/**
 * What the SuperNode's one core is taken to need, milliseconds: 14 µs for a message exchange (measured with ws on Node 24,
 * `performance.md`), half of it each way; for the reducer what is aimed at, not what was measured: on a loaded machine
 * runs took 32–140 µs for a join (`cpu` in the result tells what this one took; docs/performance/simulator.md).
 */
const COST_MS = {
  messageIn: 0.007,
  planOut: 0.007,
  reduce: { join: 0.008, progress: 0.002, rates: 0.002, other: 0.05 },
}
/** Bytes of a plan on the wire: four parents and eight spares with their URLs. */
const PLAN_BYTES = 1300

export type Plan = Extract<SchedulerCommand, { type: 'plan' }>

/** CPU time that the reducer took in this run, by the type of event. */
export interface CpuCount {
  events: number
  ms: number
}

export interface SimSupernodeOptions {
  seed: number
  /** Of its link, bytes per millisecond. */
  linkRate: number
  policy?: PlacementPolicy
  now(): number
  /** Calls {@link SimSupernode.turn} at that time. */
  wakeTurn(atMs: number): void
  /** Calls {@link SimSupernode.tick} at that time. */
  wakeTick(atMs: number): void
  /** A plan leaves for its host at that time. */
  send(plan: Plan, atMs: number): void
  /** A real clock, milliseconds, to measure with. */
  clock(): number
}

/**
 * The SuperNode's scheduler in virtual time: its core works off events one after another, its link the plans. The decisions
 * are those of the reducer that ships.
 */
export class SimSupernode {
  readonly cpu = new Map<string, CpuCount>()
  /** Greatest time that an event waited, ms. */
  longestWaitMs = 0
  readonly #options: SimSupernodeOptions
  #state: SchedulerState
  readonly #queue: { event: SchedulerEvent; at: number }[] = []
  #head = 0
  #busyUntil = 0
  #linkBusyUntil = 0
  #isUp = true

  constructor(options: SimSupernodeOptions) {
    this.#options = options
    this.#state = this.#fresh()
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Its process ends: what it knew and what it had to do is gone. */
  stop(): void {
    this.#isUp = false
    this.#queue.length = 0
    this.#head = 0
    this.#state = this.#fresh()
  }

  start(): void {
    this.#isUp = true
    this.#busyUntil = this.#options.now()
  }

  /** A message arrives; with its turn it is given to the scheduler. */
  receive(event: SchedulerEvent): void {
    if (!this.#isUp) return
    this.#enqueue(event, COST_MS.messageIn + costOf(event))
  }

  /** Something that happens in the SuperNode itself. */
  apply(event: SchedulerEvent): void {
    if (this.#isUp) this.#enqueue(event, costOf(event))
  }

  /** The core comes to the next event. */
  turn(): void {
    const next = this.#queue[this.#head]
    if (next === undefined) return
    this.#head++
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#head)
      this.#head = 0
    }
    this.longestWaitMs = Math.max(this.longestWaitMs, this.#options.now() - next.at)
    this.#reduce(next.event)
  }

  tick(): void {
    this.apply({ type: 'tick' })
  }

  /** For the next content: hosts stay, the task goes. */
  forget(task: TaskId): void {
    this.#reduce({ type: 'task-gone', task })
  }

  hostUp(event: Extract<SchedulerEvent, { type: 'host-up' }>): void {
    this.#reduce(event)
  }

  #fresh(): SchedulerState {
    const { seed, policy } = this.#options
    return createSchedulerState({ seed, ...(policy && { policy }) })
  }

  #enqueue(event: SchedulerEvent, costMs: number): void {
    const now = this.#options.now()
    this.#queue.push({ event, at: now })
    this.#busyUntil = Math.max(this.#busyUntil, now) + costMs
    this.#options.wakeTurn(this.#busyUntil)
  }

  #reduce(event: SchedulerEvent): void {
    const { now, clock, wakeTick } = this.#options
    const before = clock()
    const { commands } = reduce(this.#state, event, now())
    this.#count(event.type, clock() - before)
    for (const command of commands) {
      if (command.type === 'wake') wakeTick(command.at)
      else this.#sendPlan(command)
    }
  }

  #sendPlan(plan: Plan): void {
    const { now, linkRate, send } = this.#options
    this.#busyUntil = Math.max(this.#busyUntil, now()) + COST_MS.planOut
    this.#linkBusyUntil = Math.max(this.#linkBusyUntil, this.#busyUntil) + PLAN_BYTES / linkRate
    send(plan, this.#linkBusyUntil)
  }

  #count(type: string, ms: number): void {
    const count = this.cpu.get(type) ?? { events: 0, ms: 0 }
    count.events++
    count.ms += ms
    this.cpu.set(type, count)
  }
}

function costOf({ type }: SchedulerEvent): number {
  if (type === 'join' || type === 'progress' || type === 'rates') return COST_MS.reduce[type]
  return COST_MS.reduce.other
}
