import type { EventOf, ParentId } from './events.ts'
import { applyRates } from './learning.ts'
import type { Member, SchedulerTask, Turn } from './scheduler-state.ts'

/** Two parents that call a host slow within this time are believed: one of them may be slow itself. */
const AGREEMENT_MS = 1500

/** A host takes its pieces slower than its siblings do: it is placed by that from now on, in all tasks. */
export function reportSlow(
  turn: Turn,
  { host, task: id, child, stripe, share }: EventOf<'slow'>,
): void {
  const task = turn.state.tasks.get(id)
  const member = task?.members.get(child)
  if (task?.content === undefined || member === undefined) return
  const parents = task.content.swarm.parentsOf(member)
  if (parents[stripe] !== host) return
  const { reports } = suspicionOf(turn, task, member)
  reports.set(host, share)
  if (reports.size < Math.min(2, new Set(parents).size)) return
  task.suspected.delete(member)
  if (turn.state.rates.foundSlow(child, Math.max(...reports.values()), turn.now)) {
    applyRates(turn, child)
  }
}

function suspicionOf({ now }: Turn, { suspected }: SchedulerTask, member: Member) {
  const known = suspected.get(member)
  if (known !== undefined && now - known.since <= AGREEMENT_MS) return known
  const fresh = { since: now, reports: new Map<ParentId, number>() }
  suspected.set(member, fresh)
  return fresh
}
