/** Kinds of events that are the world's own; `a` is a host where it matters. */
export const kinds = {
  turn: 32,
  tick: 33,
  join: 34,
  report: 35,
  look: 36,
  dies: 37,
  changes: 38,
  originPiece: 39,
  supernodeStops: 40,
  supernodeStarts: 41,
  rejoin: 42,
  message: 43,
} as const

/** Pace of a host's reports, and of its own look at whether a stripe lags. */
export const REPORT_MS = 1000
export const LOOK_MS = 100
/** A session that is lost is tried again after at most so long. */
export const RECONNECT_MS = 1000
/** A host that is gone leaves its swarms after this (supernode/swarm). */
export const GRACE_MS = 2000
/** What follows a host that is lost is over well before: a run that stands still this long has failed. */
export const STALLED_MS = 60_000
