import { defaultScenario, type Scenario } from './scenario.ts'

const MB = 1_000_000
const GB = 1000 * MB

/** A run with a name, and the line of the design's table (§5) that it is for. */
export interface NamedScenario {
  readonly name: string
  readonly about: string
  readonly scenario: Scenario
}

/** The links of `bench/swarm.ts`. */
const shaped = { rateBps: 12 * MB, seedRateBps: 24 * MB } as const

/** Every row of the design's table and every case that candidates are compared by. */
export const scenarios: readonly NamedScenario[] = [
  ...[10, 100, 1000, 2600, 15_000].flatMap((hosts) => [
    at(`10MB-${hosts}`, { hosts, sizeBytes: 10 * MB }),
    at(`250MB-${hosts}`, { hosts }),
    at(`3GB-${hosts}`, {
      hosts,
      sizeBytes: 3 * GB,
      ...(hosts > 10_000 && { pieceBytes: 4 << 20 }),
    }),
  ]),
  at('3GB-102', { hosts: 102, sizeBytes: 3 * GB }, 'a fleet of 4n + 2 hosts'),
  at(
    'mixed-known',
    {
      hosts: 300,
      sizeBytes: 3 * GB,
      isRateKnown: true,
      slow: { share: 0.25, factor: 0.25, isKnown: true },
    },
    '25 % of hosts at a quarter of the rate, known',
  ),
  at(
    'mixed-known-2600',
    { hosts: 2600, isRateKnown: true, slow: { share: 0.25, factor: 0.25, isKnown: true } },
    'the same, 250 MB at 2600 hosts',
  ),
  at(
    'slow-unknown',
    { hosts: 300, sizeBytes: 3 * GB, slow: { share: 0.1, factor: 0.5, isKnown: false } },
    '10 % of hosts at half rate that nobody knows',
  ),
  at(
    'slow-unknown-again',
    { hosts: 300, sizeBytes: 3 * GB, slow: { share: 0.1, factor: 0.5, isKnown: false }, rounds: 2 },
    'the same, the second content',
  ),
  at(
    'changing',
    { hosts: 300, sizeBytes: 3 * GB, changing: { share: 0.1, factor: 0.5, atMs: 4000 } },
    '10 % of hosts drop to half of their rate on the way',
  ),
  at(
    'deaths',
    { hosts: 300, sizeBytes: 3 * GB, deaths: { share: 0.1, withinMs: 10_000, way: 'killed' } },
    '10 % of hosts are killed on the way',
  ),
  at(
    'cuts',
    { hosts: 300, sizeBytes: 3 * GB, deaths: { share: 0.1, withinMs: 10_000, way: 'cut' } },
    'the cables of 10 % are cut on the way',
  ),
  at(
    'deaths-short',
    { hosts: 2600, deaths: { share: 0.1, withinMs: 800, way: 'killed' } },
    '10 % are killed, short content',
  ),
  at(
    'corrupt',
    { hosts: 300, sizeBytes: 3 * GB, corrupt: { share: 0.05 } },
    '5 % serve wrong bytes',
  ),
  at(
    'rolling',
    { hosts: 300, sizeBytes: 3 * GB, joins: { way: 'rolling', overMs: 30_000 } },
    'joins over 30 s',
  ),
  at(
    'poisson',
    { hosts: 300, sizeBytes: 3 * GB, joins: { way: 'poisson', perSecond: 30 } },
    'joins at random, 30 a second',
  ),
  at(
    'reader',
    { hosts: 100, reader: { order: 'ascending', share: 0.8 } },
    'a reader in order at 80 % of the rate, 256 KiB pieces',
  ),
  at(
    'reader-3GB',
    { hosts: 100, sizeBytes: 3 * GB, reader: { order: 'ascending', share: 0.8 } },
    'the same, 1 MiB pieces',
  ),
  at(
    'reader-random',
    { hosts: 100, reader: { order: 'random', share: 0.2 } },
    'a reader at random at 20 % of the rate',
  ),
  at(
    'layers',
    { hosts: 300, sizeBytes: 3 * GB, layers: 20 },
    '20 layers of an image in unpack order',
  ),
  at('zones', { hosts: 400, zones: { count: 4, price: 1 } }, 'four zones with dear links'),
  at('five-seeds', { hosts: 1000, seeds: 4 }, 'four complete hosts beside the SuperNode'),
  at(
    'slow-origin',
    { hosts: 100, origin: { rateBps: 50 * MB, firstByteMs: 50 } },
    'a cold origin at a sixth of the rate',
  ),
  at(
    'supernode-loss',
    { hosts: 300, sizeBytes: 3 * GB, supernodeLoss: { atMs: 3000, forMs: 1000 } },
    'the SuperNode is gone for a second',
  ),
  ...[4, 8, 16, 32].map((hosts) =>
    at(
      `shaped-${hosts}`,
      { hosts, sizeBytes: 250 * MB, ...shaped },
      'the real bench: 100 Mbit/s hosts, SuperNode 200',
    ),
  ),
  at(
    'shaped-mixed',
    {
      hosts: 16,
      sizeBytes: 250 * MB,
      ...shaped,
      slow: { share: 0.25, factor: 0.25, isKnown: false },
    },
    'the real bench with a quarter of the hosts at 25 Mbit/s',
  ),
]

function at(
  name: string,
  changes: Partial<Scenario>,
  about = 'all at once, equal cards',
): NamedScenario {
  return { name, about, scenario: { ...defaultScenario, ...changes } }
}
