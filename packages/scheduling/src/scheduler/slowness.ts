import type { StripeIndex } from '@df/proto'
import { applyRates } from './learning.ts'
import type { Member, SchedulerTask, Suspicion, Turn } from './scheduler-state.ts'
import { scheduleTick } from './wake.ts'

/** Everybody below a slow host lags: reports are gathered for so long before it is judged who is the cause. */
const GATHER_MS = 150
/** A host that said this recently that its own parent lags is not the cause. */
const EXCUSE_MS = 700
/** Reports needed, if the host has as many children in the stripe. */
const REPORTERS = 2
/** One report alone is believed no longer than this. */
const SUSPICION_MS = 1500

/** A stripe lags at the reporter: its parent there, or somebody above that, is slower than believed. */
export function reportSlow(
  turn: Turn,
  task: SchedulerTask,
  reporter: Member,
  parent: Member,
  stripe: StripeIndex,
): void {
  if (task.content?.swarm.parentsOf(reporter)[stripe] !== parent.host) return
  reporter.laggedAt = new Map(reporter.laggedAt).set(stripe, turn.now)
  const known = task.suspected.get(parent)
  const suspicion =
    known !== undefined && known.stripe === stripe && turn.now - known.since <= SUSPICION_MS
      ? known
      : { stripe, since: turn.now, reporters: new Set<Member['host']>() }
  suspicion.reporters.add(reporter.host)
  task.suspected.set(parent, suspicion)
  scheduleTick(turn, task, Math.max(turn.now, suspicion.since + GATHER_MS))
}

/** Hosts that hold up others without being held up themselves are believed to be slow from now on, in all tasks. */
export function judgeSuspected(turn: Turn, task: SchedulerTask): void {
  for (const [member, suspicion] of task.suspected) {
    if (turn.now < suspicion.since + GATHER_MS) continue
    const isExcused =
      turn.now - (member.laggedAt.get(suspicion.stripe) ?? Number.NEGATIVE_INFINITY) < EXCUSE_MS
    const isJudged = isExcused || isProven(task, member, suspicion)
    if (isJudged || turn.now - suspicion.since >= SUSPICION_MS) task.suspected.delete(member)
    if (isExcused || !isJudged) continue
    turn.state.rates.foundSlow(member.host, turn.now)
    applyRates(turn, member.host)
  }
}

/** When the next judgements are due. */
export function judgementsDue(task: SchedulerTask): number[] {
  return [...task.suspected.values()].map(({ since, reporters }) =>
    reporters.size < REPORTERS ? since + SUSPICION_MS : since + GATHER_MS,
  )
}

/** Of an only child one report will do. */
function isProven(task: SchedulerTask, member: Member, { reporters }: Suspicion): boolean {
  return reporters.size >= REPORTERS || task.content?.swarm.childrenOf(member) === 1
}
