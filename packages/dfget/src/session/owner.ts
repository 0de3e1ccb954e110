import { createHash } from 'node:crypto'
import type { TaskId } from '@df/proto'

/**
 * The candidates for a task in order of ownership, by rendezvous hashing (Thaler and Ravishankar 1998): every
 * host that knows the same names agrees, and losing one moves only its own tasks.
 */
export function ownersOf(task: TaskId, names: readonly string[]): string[] {
  const score = (name: string) => createHash('sha256').update(`${name}\n${task}`).digest('hex')
  return names
    .map((name) => ({ name, score: score(name) }))
    .sort((a, b) => (a.score < b.score ? 1 : -1))
    .map(({ name }) => name)
}
