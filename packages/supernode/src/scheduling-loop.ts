import {
  type EventLog,
  reduce,
  type SchedulerCommand,
  type SchedulerEvent,
  type SchedulerState,
} from '@df/scheduling'

export interface SchedulingLoopOptions {
  state: SchedulerState
  /** Monotonic clock, in milliseconds. */
  nowMs(): number
  execute(plan: Extract<SchedulerCommand, { type: 'plan' }>): void
  /** Told how long the reducer took for an event; nothing of what follows from it. */
  onReduced(type: SchedulerEvent['type'], ms: number): void
  /** Where events are recorded, to be replayed later. */
  log?: EventLog
}

/** Gives the scheduler its events, one at a time and in order, and does what it wants done. */
export class SchedulingLoop {
  readonly #options: SchedulingLoopOptions
  readonly #queue: SchedulerEvent[] = []
  #running = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: SchedulingLoopOptions) {
    this.#options = options
  }

  /** Applies the event, after those being applied already; its commands are done when this returns to the outermost caller. */
  apply(event: SchedulerEvent): void {
    this.#queue.push(event)
    if (this.#running) return
    this.#running = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#step(next)
      }
    } finally {
      this.#running = false
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #step(event: SchedulerEvent): void {
    const { state, nowMs, execute, onReduced, log } = this.#options
    const now = nowMs()
    log?.record(event, now)
    const startedAt = nowMs()
    const { commands } = reduce(state, event, now)
    onReduced(event.type, nowMs() - startedAt)
    for (const command of commands) {
      if (command.type === 'wake') this.#wake(command.at - now)
      else execute(command)
    }
  }

  #wake(inMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.apply({ type: 'tick' }), Math.max(0, Math.ceil(inMs)))
  }
}
