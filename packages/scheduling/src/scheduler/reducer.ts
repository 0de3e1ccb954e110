import type { HostId, TaskId } from '@df/proto'
import type { EventOf, SchedulerCommand, SchedulerEvent } from './events.ts'
import { endDemotions, reportBad, reportLost, signOfLife } from './faults.ts'
import { applyRates } from './learning.ts'
import { announcePlans } from './plans.ts'
import {
  createMember,
  createTask,
  type Member,
  type SchedulerState,
  type SchedulerTask,
  type Turn,
} from './scheduler-state.ts'
import { reportSlow } from './slowness.ts'
import { enterRoster, leaveRoster, releaseSpares } from './spares.ts'
import { scheduleTick } from './wake.ts'

/** Joins within this time of a placement are placed together. */
const GATHER_MS = 5

/**
 * The scheduler: what an event changes, and what is to be done about it. No clock, no I/O, no chance but the
 * state's own seeded one, so the same events at the same times give the same commands. `state` is changed in
 * place and returned. `now`: milliseconds of any clock that does not run backwards. Events about unknown
 * hosts or tasks are ignored: reports of a moment ago.
 */
export function reduce(
  state: SchedulerState,
  event: SchedulerEvent,
  now: number,
): { state: SchedulerState; commands: SchedulerCommand[] } {
  const turn: Turn = { state, now, commands: [] }
  apply(turn, event)
  return { state, commands: turn.commands }
}

function apply(turn: Turn, event: SchedulerEvent): void {
  switch (event.type) {
    case 'host-up':
      turn.state.rates.up(event.host, event)
      turn.state.rates.trim((host) => turn.state.hosts.has(host))
      return applyRates(turn, event.host)
    case 'rates':
      if (turn.state.rates.measured(event.host, event.downBps, turn.now)) {
        applyRates(turn, event.host)
      }
      return
    case 'slow':
      return reportSlow(turn, event)
    case 'host-down':
      return hostDown(turn, event.host)
    case 'join':
      return join(turn, event)
    case 'task-ready':
      return taskReady(turn, event)
    case 'task-gone':
      return taskGone(turn.state, event.task)
    case 'progress':
      return progress(turn, event)
    case 'lost':
      return withPair(turn, event, reportLost)
    case 'bad':
      return withPair(turn, event, reportBad)
    case 'leave':
      return leave(turn, event.task, event.host)
    case 'tick':
      return tick(turn)
  }
}

function join(turn: Turn, { host, task: id, have }: EventOf<'join'>): void {
  const known = turn.state.tasks.get(id)?.members.get(host)
  // With less than it had, it is a new host to those that fetch from it.
  if (known !== undefined && have < known.have) leave(turn, id, host)
  const task = turn.state.tasks.get(id) ?? createTask(id)
  turn.state.tasks.set(id, task)
  const member = task.members.get(host)
  if (member !== undefined) {
    member.sent = undefined
    task.stale.add(member)
    advance(task, member, have)
    announcePlans(turn, task)
    return
  }
  const joined = createMember(host, have, {
    serving: !task.banned.has(host),
    rates: turn.state.rates.of(host),
  })
  task.members.set(host, joined)
  task.pending.add(joined)
  const tasks = turn.state.hosts.get(host) ?? new Set()
  turn.state.hosts.set(host, tasks.add(task))
  if (task.content === undefined) return
  if (turn.now >= task.gatherUntil) placePending(turn, task)
  else scheduleTick(turn, task, task.gatherUntil)
}

function taskReady(turn: Turn, { task: id, stripes, pieces }: EventOf<'task-ready'>): void {
  const { state } = turn
  const task = state.tasks.get(id) ?? createTask(id)
  state.tasks.set(id, task)
  if (task.content?.stripes === stripes && task.content.pieces === pieces) return
  if (task.content !== undefined) startOver(task)
  task.content = {
    stripes,
    pieces,
    swarm: state.policy({
      stripes,
      pieces,
      seedSlots: state.seedSlots,
      typicalBps: state.typicalBps,
    }),
  }
  placePending(turn, task)
}

/** The content is another now: what the members had of the old one does not count. */
function startOver(task: SchedulerTask): void {
  for (const member of task.roster.slice()) leaveRoster(task, member)
  for (const member of task.members.values()) {
    member.have = 0
    member.complete = false
    member.sent = undefined
    task.pending.add(member)
  }
}

function placePending(turn: Turn, task: SchedulerTask): void {
  if (task.content === undefined || task.pending.size === 0) return
  const { pieces, swarm } = task.content
  const members = [...task.pending]
  task.pending.clear()
  for (const member of members) {
    member.have = Math.min(member.have, pieces)
    member.complete = member.have === pieces
    enterRoster(task, member)
    task.stale.add(member)
  }
  swarm.add(members)
  task.gatherUntil = turn.now + GATHER_MS
  announcePlans(turn, task)
}

function progress(turn: Turn, { host, task: id, have }: EventOf<'progress'>): void {
  const task = turn.state.tasks.get(id)
  const member = task?.members.get(host)
  if (task === undefined || member === undefined) return
  advance(task, member, have)
  announcePlans(turn, task)
}

function advance(task: SchedulerTask, member: Member, have: number): void {
  signOfLife(task, member)
  const pieces = task.content?.pieces ?? Number.POSITIVE_INFINITY
  member.have = Math.min(Math.max(member.have, have), pieces)
  if (member.rosterIndex < 0 || member.complete || member.have < pieces) return
  member.complete = true
  releaseSpares(task, member)
  task.content?.swarm.update(member)
}

function withPair(
  turn: Turn,
  event: EventOf<'lost' | 'bad'>,
  report: (turn: Turn, task: SchedulerTask, reporter: Member, about: Member) => void,
): void {
  const task = turn.state.tasks.get(event.task)
  const reporter = task?.members.get(event.host)
  const about = task?.members.get(event.parent)
  if (task === undefined || reporter === undefined || about === undefined) return
  if (reporter !== about) report(turn, task, reporter, about)
}

function leave(turn: Turn, id: TaskId, host: HostId): void {
  const { state } = turn
  const task = state.tasks.get(id)
  const member = task?.members.get(host)
  if (task === undefined || member === undefined) return
  task.members.delete(host)
  task.demoted.delete(member)
  task.suspected.delete(member)
  task.stale.delete(member)
  forgetTaskOf(state, host, task)
  if (!task.pending.delete(member)) {
    leaveRoster(task, member)
    task.content?.swarm.remove(member)
    announcePlans(turn, task)
  }
  if (task.content === undefined && task.members.size === 0) forget(state, task)
}

function hostDown(turn: Turn, host: HostId): void {
  for (const task of turn.state.hosts.get(host) ?? []) leave(turn, task.task, host)
}

function taskGone(state: SchedulerState, id: TaskId): void {
  const task = state.tasks.get(id)
  if (task === undefined) return
  for (const host of task.members.keys()) forgetTaskOf(state, host, task)
  forget(state, task)
}

function forgetTaskOf(state: SchedulerState, host: HostId, task: SchedulerTask): void {
  const tasks = state.hosts.get(host)
  tasks?.delete(task)
  if (tasks?.size === 0) state.hosts.delete(host)
}

function forget(state: SchedulerState, task: SchedulerTask): void {
  state.tasks.delete(task.task)
  state.timed.delete(task)
}

function tick(turn: Turn): void {
  const { state, now } = turn
  state.wakeAt = undefined
  for (const task of state.timed) {
    if (task.pending.size > 0 && task.gatherUntil <= now) placePending(turn, task)
    endDemotions(turn, task)
    announcePlans(turn, task)
    const dues = [...task.demoted.values()]
    if (task.pending.size > 0) dues.push(task.gatherUntil)
    if (dues.length === 0) state.timed.delete(task)
    else scheduleTick(turn, task, Math.min(...dues))
  }
}
