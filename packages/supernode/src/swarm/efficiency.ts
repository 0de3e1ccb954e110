import type { HostId } from '@df/proto'
import { type LinkRates, type SwarmFloor, swarmFloor } from '@df/scheduling'
import type { Account, SwarmLedger } from './ledger.ts'

/** What is known of the links of a swarm. */
export interface SwarmRates {
  /** Bytes per second that the SuperNode sends; undefined: without a limit. */
  seedBps(): number | undefined
  of(host: HostId): LinkRates
}

/** A host of the newest wave that has all of it now. */
export interface Finish {
  afterMs: number
  /** Undefined when no rate is known. */
  floorMs: number | undefined
}

/** How near the newest wave of a swarm came to what its links allow. */
export interface Efficiency {
  /** Undefined while the content is unknown or empty. */
  floor: SwarmFloor | undefined
  fetching: number
  /** The fastest first. */
  finishes: readonly Finish[]
  /** For each byte of the content; undefined as above. */
  seedRatio: number | undefined
  originRatio: number | undefined
}

/** Takes as long as the swarm has hosts. */
export function efficiencyOf(
  ledger: SwarmLedger,
  sizeBytes: number | undefined,
  rates: SwarmRates,
): Efficiency {
  const { fetchers } = ledger
  const linksOf = (accounts: readonly [HostId, Account][]) =>
    accounts.map(([host]) => rates.of(host))
  const isSized = sizeBytes !== undefined && sizeBytes > 0
  const floor = isSized
    ? swarmFloor({
        sizeBytes,
        seedBps: rates.seedBps(),
        holders: linksOf(ledger.holders),
        fetchers: linksOf(fetchers),
      })
    : undefined
  const finishes = fetchers.flatMap(([host, { finishedAfterMs: afterMs }]) =>
    afterMs === undefined ? [] : [{ afterMs, floorMs: floor?.hostMs(rates.of(host).downBps) }],
  )
  return {
    floor,
    fetching: fetchers.length,
    finishes: finishes.toSorted((a, b) => a.afterMs - b.afterMs),
    seedRatio: isSized ? ledger.bytes.seed / sizeBytes : undefined,
    originRatio: isSized ? ledger.bytes.origin / sizeBytes : undefined,
  }
}
