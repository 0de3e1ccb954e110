import type { PieceIndex } from '@df/proto'
import type { StripeProgress } from './stripe-progress.ts'

/** Pieces behind the host's lead, per stripe, or time of the rate, from which a stripe is repaired. */
const LAG_ROUNDS = 12
const LAG_MS = 60
/** When nothing else is left to fetch, a stripe that got nothing for this long is repaired whatever its lag. */
const QUIET_MS = 250
/** Missing pieces of a stripe looked at in one search. */
const MOST_LOOKED_AT = 16

/** Stripes to be repaired and up to which piece (exclusive), the furthest behind first. */
export interface LaggingStripe {
  readonly stripe: number
  readonly end: PieceIndex
}

/** The stripes that lag so that others are asked too (scheduling study §5.6). */
export function laggingStripes(
  progress: StripeProgress,
  facts: { now: number; bps: number; pieceSize: number },
): LaggingStripe[] {
  const { lead, stripes } = progress
  const least = Math.max(LAG_ROUNDS * stripes, (facts.bps * LAG_MS) / 1000 / facts.pieceSize)
  const lagging: LaggingStripe[] = []
  for (let stripe = 0; stripe < stripes; stripe++) {
    if (progress.isWhole(stripe)) continue
    const lag = lead - progress.front(stripe)
    if (lag >= least) lagging.push({ stripe, end: lead - Math.floor(lag / 2) })
    else if (isLastAndQuiet(progress, stripe, facts.now)) {
      lagging.push({ stripe, end: stripes > 1 ? progress.pieces : progress.newest })
    }
  }
  return lagging.length < 2
    ? lagging
    : lagging.sort((a, b) => progress.front(a.stripe) - progress.front(b.stripe))
}

/** The oldest missing pieces of a lagging stripe, as many as are worth looking at. */
export function* repairCandidates(
  progress: StripeProgress,
  { stripe, end }: LaggingStripe,
): Generator<PieceIndex> {
  let looked = 0
  for (
    let at = progress.front(stripe);
    at < end && looked < MOST_LOOKED_AT;
    at += progress.stripes
  ) {
    if (progress.has(at)) continue
    looked++
    yield at
  }
}

/** All other stripes are whole, and this one got nothing for a while. */
function isLastAndQuiet(progress: StripeProgress, stripe: number, now: number): boolean {
  if (now - progress.movedAt(stripe) < QUIET_MS) return false
  for (let other = 0; other < progress.stripes; other++) {
    if (other !== stripe && !progress.isWhole(other)) return false
  }
  return true
}
