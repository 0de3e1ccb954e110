import type { SchedulerTask, Turn } from './scheduler-state.ts'
import { fillSpares } from './spares.ts'

/**
 * Sends a plan to each host of the task whose plan is another than the one it has. A complete host needs
 * none, and gets one (from the seed, for the form's sake) only in answer to a join.
 */
export function announcePlans({ state, commands }: Turn, task: SchedulerTask): void {
  if (task.content === undefined) return
  const { swarm, stripes } = task.content
  fillSpares(task, state.random)
  for (const host of swarm.takeChanged()) {
    const member = task.members.get(host)
    if (member !== undefined) task.stale.add(member)
  }
  for (const member of task.stale) {
    if (member.complete && member.sent !== undefined) continue
    const parents = swarm.parentsOf(member)
    while (parents.length < stripes) parents.push('seed')
    const spares = member.spares.map(({ host }) => host)
    if (
      member.sent !== undefined &&
      sameItems(member.sent.parents, parents) &&
      sameItems(member.sent.spares, spares)
    ) {
      continue
    }
    member.sent = { parents, spares }
    commands.push({ type: 'plan', host: member.host, task: task.task, parents, spares })
  }
  task.stale.clear()
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}
