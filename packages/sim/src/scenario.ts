/** A share of the hosts, 0–1, chosen by the run's seed. */
export type Share = number

/** One run: a fleet, a content, and what goes wrong. Sizes in bytes, rates in bytes per second, times in milliseconds. */
export interface Scenario {
  /** Of all random choices; any integer. The same scenario gives the same result. */
  seed: number
  hosts: number
  sizeBytes: number
  /** Absent: as programs cut a content of this size. */
  pieceBytes?: number
  stripes?: number
  /** Of a host's network card, each way. */
  rateBps: number
  /** What the SuperNode sends. */
  seedRateBps: number
  /** Time of one bit from host to host, by pair: between these. */
  latencyMs: readonly [least: number, most: number]
  /** From its receipt until a piece may be served, per MiB: verification and the write. */
  verifyMsPerMiB: number
  /** Whether the hosts' rates are told to the SuperNode when they come. */
  isRateKnown: boolean
  /** Hosts with a part of the rate. `isKnown`: as {@link isRateKnown}, for these alone. */
  slow?: { share: Share; factor: number; isKnown: boolean }
  /** Hosts whose rate becomes a part of what it was. */
  changing?: { share: Share; factor: number; atMs: number }
  /** Hosts that end at some moment. `killed`: their connections are reset; `cut`: nothing is heard of them any more. */
  deaths?: { share: Share; withinMs: number; way: 'killed' | 'cut' }
  /** Hosts that serve wrong bytes. */
  corrupt?: { share: Share }
  joins: Joins
  /** Zones that the hosts are dealt to; absent: one. Bytes between two cost `price` each. */
  zones?: { count: number; price: number }
  /** Hosts that have everything from the start, beside the SuperNode. */
  seeds?: number
  /** Where the SuperNode reads the content from; absent: it has it. */
  origin?: { rateBps: number; firstByteMs: number }
  /** The SuperNode ends at this time, and is there again, with its disk but without its memory, so much later. */
  supernodeLoss?: { atMs: number; forMs: number }
  /** Programs that read while the content arrives, one on each host. */
  reader?: { order: 'ascending' | 'random'; share: number }
  /** Layers of an image in the order in which they are unpacked, as parts of the content of equal size. */
  layers?: number
  /** Contents one after another over the same fleet: what was learnt of hosts stays. */
  rounds?: number
}

export type Joins =
  | { way: 'at-once' }
  /** Evenly spread over this time. */
  | { way: 'rolling'; overMs: number }
  /** At random, so many per second. */
  | { way: 'poisson'; perSecond: number }

const MB = 1_000_000

/** A fleet in one data centre, as in the scheduling study. */
export const defaultScenario: Scenario = {
  seed: 1,
  hosts: 100,
  sizeBytes: 250 * MB,
  rateBps: 300 * MB,
  seedRateBps: 300 * MB,
  latencyMs: [0.25, 1],
  verifyMsPerMiB: 0.25,
  isRateKnown: false,
  joins: { way: 'at-once' },
}
