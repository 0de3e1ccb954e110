import type { Member, SchedulerTask } from './scheduler-state.ts'
import { nextRandom, type SeededRandom } from './seeded-random.ts'

const SPARES = 8
/** Hosts looked at for one choice; the better half or so is taken. */
const SAMPLE = 24

export function enterRoster(task: SchedulerTask, member: Member): void {
  member.rosterIndex = task.roster.length
  task.roster.push(member)
  if (!member.complete) task.wanting.add(member)
}

export function leaveRoster(task: SchedulerTask, member: Member): void {
  const last = task.roster.length - 1
  swap(task.roster, member.rosterIndex, last)
  task.roster.pop()
  member.rosterIndex = -1
  withdrawSpare(task, member)
  releaseSpares(task, member)
}

/** The member is nobody's spare any more. */
export function withdrawSpare(task: SchedulerTask, member: Member): void {
  for (const user of member.spareOf) dropSpare(task, user, member)
}

export function dropSpare(task: SchedulerTask, member: Member, spare: Member): void {
  if (!spare.spareOf.delete(member)) return
  member.spares = member.spares.filter((other) => other !== spare)
  task.wanting.add(member)
  task.stale.add(member)
}

/** The member needs no spares any more. */
export function releaseSpares(task: SchedulerTask, member: Member): void {
  for (const spare of member.spares) spare.spareOf.delete(member)
  member.spares = []
  task.wanting.delete(member)
}

/** Gives those that want spares as many as there are, of some drawn by chance those that hold most. */
export function fillSpares(task: SchedulerTask, random: SeededRandom): void {
  for (const member of task.wanting) {
    const missing = SPARES - member.spares.length
    const found = draw(task.roster, random)
      .filter((other) => other !== member && other.serving && !other.spareOf.has(member))
      .filter((other) => !member.avoided.has(other.host))
      .sort((a, b) => b.have - a.have)
      .slice(0, missing)
    for (const spare of found) {
      member.spares.push(spare)
      spare.spareOf.add(member)
    }
    if (found.length > 0) task.stale.add(member)
    if (found.length === missing) task.wanting.delete(member)
  }
}

/** Up to {@link SAMPLE} different members: the first steps of a shuffle, of which the roster keeps the order. */
function draw(roster: Member[], random: SeededRandom): Member[] {
  const count = Math.min(SAMPLE, roster.length)
  for (let index = 0; index < count; index++) {
    swap(roster, index, index + Math.floor(nextRandom(random) * (roster.length - index)))
  }
  return roster.slice(0, count)
}

function swap(roster: Member[], left: number, right: number): void {
  const a = roster[left]
  const b = roster[right]
  if (a === undefined || b === undefined) return
  roster[left] = b
  roster[right] = a
  b.rosterIndex = left
  a.rosterIndex = right
}
