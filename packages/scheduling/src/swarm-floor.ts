/** What a host's links carry, bytes per second; undefined: not known. */
export interface LinkRates {
  upBps: number | undefined
  downBps: number | undefined
}

export interface SwarmFacts {
  sizeBytes: number
  /** What the seed sends to all together; undefined: not known. */
  seedBps: number | undefined
  /** Hosts that had all of it before the others came. */
  holders: readonly LinkRates[]
  /** Hosts that want all of it, at the same time. */
  fetchers: readonly LinkRates[]
}

export interface SwarmFloor {
  /** Until the last host can have it; undefined when no rate is known. With `lacks`, the true one may be greater. */
  ms: number | undefined
  /** Until one of the hosts can, by its own link. */
  hostMs(downBps: number | undefined): number | undefined
  /** What is not known. */
  lacks: string[]
}

/**
 * The least time in which hosts can have a content: `max(F/us, F/dmin, N·F/(us+Σui))` (Kumar & Ross, "Peer-Assisted File
 * Distribution: The Minimum Distribution Time", 2006), of the terms whose rates are known. Who has it already sends beside the
 * seed.
 */
export function swarmFloor({ sizeBytes, seedBps, holders, fetchers }: SwarmFacts): SwarmFloor {
  const sourceBps = sum([seedBps, ...holders.map(({ upBps }) => upBps)])
  const allBps = sum([sourceBps, ...fetchers.map(({ upBps }) => upBps)])
  const shared = [timeMs(sizeBytes, sourceBps), timeMs(fetchers.length * sizeBytes, allBps)]
  const slowestBps = least(fetchers.map(({ downBps }) => downBps))
  return {
    ms: greatest([...shared, timeMs(sizeBytes, slowestBps)]),
    hostMs: (downBps) => greatest([...shared, timeMs(sizeBytes, downBps)]),
    lacks: [
      ...(seedBps === undefined ? ["the seed's rate"] : []),
      ...lacking(
        'up',
        [...holders, ...fetchers].map(({ upBps }) => upBps),
      ),
      ...lacking(
        'down',
        fetchers.map(({ downBps }) => downBps),
      ),
    ],
  }
}

function timeMs(bytes: number, bps: number | undefined): number | undefined {
  return bps === undefined || bps <= 0 ? undefined : (bytes * 1000) / bps
}

/** Undefined when one of them is. */
function sum(rates: readonly (number | undefined)[]): number | undefined {
  let total = 0
  for (const bps of rates) {
    if (bps === undefined) return undefined
    total += bps
  }
  return total
}

function greatest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : known.reduce((a, b) => Math.max(a, b))
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : known.reduce((a, b) => Math.min(a, b))
}

function lacking(direction: 'up' | 'down', rates: readonly (number | undefined)[]): string[] {
  const unknown = rates.filter((bps) => bps === undefined).length
  return unknown === 0 ? [] : [`the ${direction} rate of ${unknown} of ${rates.length} hosts`]
}
