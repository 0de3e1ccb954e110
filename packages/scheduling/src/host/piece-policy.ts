import {
  type Geometry,
  type HostId,
  type PieceIndex,
  type PiecePriority,
  stripeOf,
} from '@df/proto'

/**
 * What the host-side policy decides from. Everything is a fact of this host at this moment; the policy has no
 * clock, no I/O and no memory, so the simulator runs the same code.
 */
export interface PolicyView {
  geometry: Geometry
  pieces: number
  has(index: PieceIndex): boolean
  /** Smallest missing index ≥ from, or `pieces`. */
  firstMissing(from: PieceIndex): PieceIndex
  /** Highest piece received so far, -1 for none. */
  newest: PieceIndex
  /** Parent of each stripe; empty before the first plan. */
  parents: readonly HostId[]
  spares: readonly HostId[]
  /** The SuperNode's own copy, the last to be asked for repairs. */
  seed: HostId | undefined
  /** Requests open for a piece. */
  inFlight(index: PieceIndex): readonly InFlight[]
  /** All open requests. */
  open: readonly InFlight[]
  /** The host failed or asked for patience a moment ago, or is banned. */
  avoided(host: HostId): boolean
  /** The host said a moment ago that it does not have the piece. */
  lacks(host: HostId, index: PieceIndex): boolean
  /** Pieces that readers wait for, ahead of the rest: half-open ranges. */
  urgent: readonly { start: PieceIndex; end: PieceIndex }[]
  /** Pieces that arrive in 60 ms at the current rate. */
  piecesPer60Ms: number
  /** The downlink is busy: more requests would only take from others. */
  saturated: boolean
}

export interface InFlight {
  index: PieceIndex
  from: HostId
  priority: PiecePriority
}

/** Requests kept open per stripe, and when this host is far behind its parent. */
const WINDOW = 3
const CATCH_UP_WINDOW = 8
/** Pieces behind the newest, in multiples of the stripes, from which a host counts as catching up or lagging. */
const CATCH_UP_LAG = 8
const REPAIR_LAG = 12
const MAX_REPAIRS = 4

/**
 * The requests to send now (scheduling study §5.4, §5.6): a few per stripe to the stripe's parent, the next
 * missing pieces in order; and, only when the first missing piece lags, the oldest ones at other neighbours too.
 */
export function nextFetches(view: PolicyView): InFlight[] {
  if (view.parents.length === 0) return []
  const first = view.firstMissing(0)
  if (first >= view.pieces) return []
  const fetches: InFlight[] = []
  for (let stripe = 0; stripe < view.geometry.stripes; stripe++) {
    stripeFetches(view, stripe, fetches)
  }
  if (!view.saturated) repairFetches(view, first, fetches)
  return fetches
}

function stripeFetches(view: PolicyView, stripe: number, fetches: InFlight[]): void {
  const { stripes } = view.geometry
  const from = stripeSource(view, stripe)
  if (from === undefined) return
  const open = view.open.filter(
    ({ index, priority }) => stripeOf(view.geometry, index) === stripe && priority !== 'repair',
  ).length
  let first = stripe
  while (first < view.pieces && view.has(first)) first += stripes
  const behind = view.newest - first > CATCH_UP_LAG * stripes
  let room = (behind ? CATCH_UP_WINDOW : WINDOW) - open
  const take = (index: PieceIndex, priority: PiecePriority) => {
    if (view.has(index) || view.inFlight(index).length > 0 || view.lacks(from, index)) return
    if (fetches.some((fetch) => fetch.index === index)) return
    fetches.push({ index, from, priority })
    room--
  }
  for (const { start, end } of view.urgent) {
    const offset = (((stripe - start) % stripes) + stripes) % stripes
    for (let at = start + offset; at < end && room > 0; at += stripes) take(at, 'urgent')
  }
  for (let at = first; at < view.pieces && room > 0; at += stripes) take(at, 'tree')
}

/** The stripe's parent; while that one is avoided, somebody else, the seed last. */
function stripeSource(view: PolicyView, stripe: number): HostId | undefined {
  const parent = view.parents[stripe % view.parents.length]
  if (parent !== undefined && !view.avoided(parent)) return parent
  const others = neighbours(view).filter((host) => host !== parent && !view.avoided(host))
  return others[stripe % Math.max(1, others.length)] ?? usableSeed(view)
}

function repairFetches(view: PolicyView, first: PieceIndex, fetches: InFlight[]): void {
  const lag = view.newest - first
  if (lag < Math.max(REPAIR_LAG * view.geometry.stripes, view.piecesPer60Ms)) return
  let room = MAX_REPAIRS - view.open.filter(({ priority }) => priority === 'repair').length
  const end = view.newest - Math.floor(lag / 2)
  for (let index = first; index < end && room > 0; index = view.firstMissing(index + 1)) {
    const asked = view.inFlight(index)
    if (asked.some(({ priority }) => priority === 'repair')) continue
    const from = repairSource(view, index, asked)
    if (from === undefined) continue
    fetches.push({ index, from, priority: 'repair' })
    room--
  }
}

function repairSource(
  view: PolicyView,
  index: PieceIndex,
  asked: readonly InFlight[],
): HostId | undefined {
  const parent = view.parents[stripeOf(view.geometry, index) % view.parents.length]
  const usable = (host: HostId) =>
    host !== parent &&
    !view.avoided(host) &&
    !view.lacks(host, index) &&
    !asked.some(({ from }) => from === host)
  const others = neighbours(view).filter(usable)
  const chosen = others[index % Math.max(1, others.length)]
  if (chosen !== undefined) return chosen
  const seed = usableSeed(view)
  return seed !== undefined && usable(seed) ? seed : undefined
}

function neighbours(view: PolicyView): HostId[] {
  return [...new Set([...view.spares, ...view.parents])].filter((host) => host !== view.seed)
}

function usableSeed(view: PolicyView): HostId | undefined {
  return view.seed !== undefined && !view.avoided(view.seed) ? view.seed : undefined
}
