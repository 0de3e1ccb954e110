import type { HostId, TaskId } from '@df/proto'
import type { ParentId } from './events.ts'
import type { Member, SchedulerState, SchedulerTask } from './scheduler-state.ts'

/** A host's part in a task's swarm, for people and metrics. */
export interface PeerView {
  task: TaskId
  host: HostId
  /** Pieces it holds, counted. */
  have: number
  complete: boolean
  /** It served a wrong piece: it may fetch, nobody fetches from it. */
  banned: boolean
  /** `[s]`: its parent for stripe s; empty while it waits for its first plan and when it is complete. */
  parents: ParentId[]
  /** Hosts that fetch from it, counted once for each stripe. */
  children: number
}

/** The hosts of a task, in the order they joined; none for an unknown task. */
export function peersOf(state: SchedulerState, id: TaskId): PeerView[] {
  const task = state.tasks.get(id)
  if (task === undefined) return []
  return [...task.members.values()].map((member) => viewOf(task, member))
}

/** The host's part in each of its tasks. */
export function tasksOf(state: SchedulerState, host: HostId): PeerView[] {
  return [...(state.hosts.get(host) ?? [])].flatMap((task) => {
    const member = task.members.get(host)
    return member === undefined ? [] : [viewOf(task, member)]
  })
}

function viewOf(task: SchedulerTask, member: Member): PeerView {
  const swarm = task.content?.swarm
  return {
    task: task.task,
    host: member.host,
    have: member.have,
    complete: member.complete,
    banned: task.banned.has(member.host),
    parents: swarm?.parentsOf(member) ?? [],
    children: swarm?.childrenOf(member) ?? 0,
  }
}
