/** Bytes per second; undefined: not known, or no limit. */
export interface KnownRates {
  /** What the host, or the task, may receive. */
  limitBps: number | undefined
  /** The most that the host was seen to receive lately: its link carries that or more. */
  seenBps: number | undefined
  /** What the SuperNode sends at most. */
  seedBps: number | undefined
}

/** Least time for what a task received, and the rate that says so. */
export interface TaskFloor {
  ms: number
  by: 'limit' | 'seen' | 'seed'
}

/**
 * The floor of a task that ended, as far as this host can know it; undefined when no rate is known. A rate seen, and the
 * seed's, are bounds only as long as nothing beat them: a link may carry more than it ever did, and other hosts may have
 * had the content already.
 */
export function taskFloor(
  facts: { bytes: number; durationMs: number },
  { limitBps, seenBps, seedBps }: KnownRates,
): TaskFloor | undefined {
  const { bytes, durationMs } = facts
  const floorOf = (by: TaskFloor['by'], bps: number): TaskFloor => ({
    by,
    ms: (bytes * 1000) / bps,
  })
  const down = limitBps === undefined ? ('seen' as const) : ('limit' as const)
  const downBps = limitBps ?? seenBps
  const floors = [
    ...(downBps === undefined ? [] : [floorOf(down, downBps)]),
    ...(seedBps === undefined ? [] : [floorOf('seed', seedBps)]),
  ]
  const standing = floors.filter(({ by, ms }) => ms > 0 && (by === 'limit' || ms <= durationMs))
  return standing.toSorted((a, b) => b.ms - a.ms)[0]
}
