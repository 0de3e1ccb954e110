import { AppError, HostIdSchema, TaskIdSchema } from '@df/proto'
import { type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { SchedulerCommand, SchedulerEvent } from './events.ts'
import type { PlacementPolicy } from './placement-policy.ts'
import { reduce } from './reducer.ts'
import { createSchedulerState } from './scheduler-state.ts'

/**
 * A recorded swarm: JSON lines, the first one the scheduler's options, each other one an event and its time.
 * It holds ids and counts, no secret, and replays to the same commands.
 */
export interface EventLog {
  record(event: SchedulerEvent, now: number): void
}

export interface EventLogOptions {
  /** As given to `createSchedulerState`. */
  seed: number
  seedSlots: number
  /** Takes one line, without its end. */
  write(line: string): void
}

/** Starts a log: writes its first line. */
export function createEventLog(options: EventLogOptions): EventLog {
  const { seed, seedSlots } = options
  options.write(JSON.stringify({ seed, seedSlots }))
  return { record: (event, now) => options.write(JSON.stringify({ now, event })) }
}

/** What the scheduler answered to one event. */
export interface ReplayedTurn {
  event: SchedulerEvent
  now: number
  commands: SchedulerCommand[]
}

/**
 * Runs a recorded log again, under the same policy or another.
 * @throws AppError REQUEST_INVALID for a line that is not of a log, with its number
 */
export function* replay(
  lines: Iterable<string>,
  policy?: PlacementPolicy,
): Generator<ReplayedTurn> {
  const numbered = [...lines].entries()
  const first = numbered.next()
  if (first.done === true) return
  const options = parseLine(headSchema, first.value)
  const state = createSchedulerState({ ...options, ...(policy && { policy }) })
  for (const line of numbered) {
    const { event, now } = parseLine(entrySchema, line)
    yield { event, now, commands: reduce(state, event, now).commands }
  }
}

const Count = Type.Integer({ minimum: 0 })
const ofHost = { host: HostIdSchema, task: TaskIdSchema }
const about = <const T extends string, P extends Record<string, TSchema>>(type: T, facts: P) =>
  Type.Object({ type: Type.Literal(type), ...facts })

const headSchema = Compile(Type.Object({ seed: Type.Integer(), seedSlots: Count }))
const entrySchema = Compile(
  Type.Object({
    now: Type.Number(),
    event: Type.Union([
      about('host-up', {
        host: HostIdSchema,
        upBps: Type.Optional(Type.Number()),
        downBps: Type.Optional(Type.Number()),
        location: Type.Optional(Type.Array(Type.String())),
      }),
      about('rates', { host: HostIdSchema, downBps: Type.Number() }),
      about('slow', {
        host: Type.Union([HostIdSchema, Type.Literal('seed')]),
        task: TaskIdSchema,
        child: HostIdSchema,
        stripe: Count,
        share: Type.Number(),
      }),
      about('host-down', { host: HostIdSchema }),
      about('join', { ...ofHost, have: Count }),
      about('task-ready', { task: TaskIdSchema, stripes: Count, pieces: Count }),
      about('task-gone', { task: TaskIdSchema }),
      about('progress', { ...ofHost, have: Count }),
      about('lost', { ...ofHost, parent: HostIdSchema }),
      about('bad', { ...ofHost, parent: HostIdSchema, piece: Count }),
      about('leave', ofHost),
      about('tick', {}),
    ]),
  }),
)

function parseLine<T>(
  schema: { Check(value: unknown): value is T },
  [index, line]: [number, string],
): T {
  const value = parseJson(line)
  if (schema.Check(value)) return value
  throw new AppError('REQUEST_INVALID', `line ${index + 1} is not of a scheduler's log`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
