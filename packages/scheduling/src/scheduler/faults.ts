import type { HostId } from '@df/proto'
import { announcePlans } from './plans.ts'
import type { Member, SchedulerTask, Turn } from './scheduler-state.ts'
import { dropSpare, withdrawSpare } from './spares.ts'
import { scheduleTick } from './wake.ts'

/** Two hosts that report a third within this time are believed. */
const LOST_WINDOW_MS = 5000
/** How long a host that was reported lost serves nobody; doubles each time. */
const DEMOTION_MS = 10_000
const MAX_DOUBLINGS = 10
/** A host on whose word this many were banned is not believed further. */
const MAX_ACCUSATIONS = 3
/** Hosts that one host avoids; of more, the oldest is forgotten. */
const MAX_AVOIDED = 16

/** The reporter cannot reach the host: it gets others at once; on the word of a second one nobody is sent there. */
export function reportLost(turn: Turn, task: SchedulerTask, reporter: Member, lost: Member): void {
  const wasNeighbour =
    reporter.spares.includes(lost) ||
    (task.content?.swarm.parentsOf(reporter).includes(lost.host) ?? false)
  avoid(task, reporter, lost)
  if (wasNeighbour && isBelieved(task, reporter.host)) {
    const recent = [...lost.lostBy].filter(([, at]) => turn.now - at <= LOST_WINDOW_MS)
    lost.lostBy = new Map(recent).set(reporter.host, turn.now)
    if (lost.lostBy.size > 1) demote(turn, task, lost)
  }
  announcePlans(turn, task)
}

/** The host served a wrong piece: it serves nobody in this task any more. */
export function reportBad(turn: Turn, task: SchedulerTask, reporter: Member, bad: Member): void {
  avoid(task, reporter, bad)
  if (!task.banned.has(bad.host) && isBelieved(task, reporter.host)) {
    const accused = task.accusations.get(reporter.host) ?? new Set()
    task.accusations.set(reporter.host, accused.add(bad.host))
    task.banned.add(bad.host)
    reviewServing(task, bad)
  }
  announcePlans(turn, task)
}

/**
 * The host is alive. That lifts its first demotion in the task; one that is reported again although it is
 * alive cannot be reached by others, and waits its time out.
 */
export function signOfLife(task: SchedulerTask, member: Member): void {
  if (member.demotions > 1 || !task.demoted.delete(member)) return
  reviewServing(task, member)
}

export function endDemotions({ now }: Turn, task: SchedulerTask): void {
  for (const [member, until] of task.demoted) {
    if (until > now) continue
    task.demoted.delete(member)
    reviewServing(task, member)
  }
}

function demote(turn: Turn, task: SchedulerTask, member: Member): void {
  const until = turn.now + DEMOTION_MS * 2 ** Math.min(member.demotions, MAX_DOUBLINGS)
  member.demotions++
  member.lostBy = new Map()
  task.demoted.set(member, until)
  scheduleTick(turn, task, until)
  reviewServing(task, member)
}

function reviewServing(task: SchedulerTask, member: Member): void {
  const serving = !task.banned.has(member.host) && !task.demoted.has(member)
  if (serving === member.serving) return
  member.serving = serving
  if (!serving) withdrawSpare(task, member)
  task.content?.swarm.update(member)
}

function avoid(task: SchedulerTask, member: Member, other: Member): void {
  const others = [...member.avoided].filter((host) => host !== other.host)
  member.avoided = new Set([...others, other.host].slice(-MAX_AVOIDED))
  dropSpare(task, member, other)
  task.content?.swarm.update(member)
}

function isBelieved(task: SchedulerTask, reporter: HostId): boolean {
  return (task.accusations.get(reporter)?.size ?? 0) < MAX_ACCUSATIONS
}
