import type { Member, SchedulerTask } from './scheduler-state.ts'
import { nextRandom, type SeededRandom } from './seeded-random.ts'

const SPARES = 8
/** Hosts looked at for one choice; the better two thirds are taken. */
const SAMPLE = 12

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
  for (const user of member.spareOf.slice()) dropSpare(task, user, member)
}

export function dropSpare(task: SchedulerTask, member: Member, spare: Member): void {
  if (!take(spare.spareOf, member)) return
  member.spares = member.spares.filter((other) => other !== spare)
  task.wanting.add(member)
  task.stale.add(member)
}

/** The member needs no spares any more. */
export function releaseSpares(task: SchedulerTask, member: Member): void {
  for (const spare of member.spares) take(spare.spareOf, member)
  member.spares = []
  task.wanting.delete(member)
}

/**
 * Gives those that want spares as many as there are, the best of some drawn by chance: near ones first, of these
 * the ones that are not slower, of these those that hold most.
 */
export function fillSpares(task: SchedulerTask, random: SeededRandom): void {
  for (const member of task.wanting) {
    const missing = SPARES - member.spares.length
    const found = best(draw(task.roster, random), member, missing)
    for (const spare of found) {
      member.spares.push(spare)
      spare.spareOf.push(member)
    }
    if (found.length > 0) task.stale.add(member)
    if (found.length === missing) task.wanting.delete(member)
  }
}

/** Up to `count` of the first `drawn` members of the roster, the best first, those drawn earlier of equal ones. */
function best({ roster, drawn }: Draw, member: Member, count: number): Member[] {
  const found: Member[] = []
  for (let index = 0; index < drawn; index++) {
    const other = roster[index]
    if (other === undefined || !isEligible(other, member)) continue
    let at = found.length
    while (at > 0 && isBetter(other, found[at - 1] ?? other, member)) at--
    if (at < count) found.splice(at, 0, other)
    if (found.length > count) found.pop()
  }
  return found
}

function isEligible(other: Member, member: Member): boolean {
  return (
    other !== member &&
    other.serving &&
    !member.spares.includes(other) &&
    !member.avoided.has(other.host)
  )
}

function isBetter(a: Member, b: Member, member: Member): boolean {
  const nearer = nearness(a, member) - nearness(b, member)
  if (nearer !== 0) return nearer > 0
  const faster = Number(isFastFor(a, member)) - Number(isFastFor(b, member))
  return faster === 0 ? a.have > b.have : faster > 0
}

/** How many names of their locations two hosts share. */
function nearness({ location: a }: Member, { location: b }: Member): number {
  let shared = 0
  while (shared < a.length && a[shared] === b[shared]) shared++
  return shared
}

function isFastFor({ upBps }: Member, { downBps }: Member): boolean {
  return upBps === undefined || downBps === undefined || upBps >= 0.7 * downBps
}

interface Draw {
  roster: readonly Member[]
  drawn: number
}

/** Up to {@link SAMPLE} different members: the first steps of a shuffle, of which the roster keeps the order. */
function draw(roster: Member[], random: SeededRandom): Draw {
  const drawn = Math.min(SAMPLE, roster.length)
  for (let index = 0; index < drawn; index++) {
    swap(roster, index, index + Math.floor(nextRandom(random) * (roster.length - index)))
  }
  return { roster, drawn }
}

/** Whether the member was there. The order of the others changes. */
function take(members: Member[], member: Member): boolean {
  const at = members.indexOf(member)
  if (at < 0) return false
  const last = members.pop()
  if (last !== undefined && last !== member) members[at] = last
  return true
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
