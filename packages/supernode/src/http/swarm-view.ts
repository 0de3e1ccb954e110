import type { HostId, SwarmInfo } from '@df/proto'
import { efficiencyOf, type SwarmRates } from '../swarm/efficiency.ts'
import type { Account } from '../swarm/ledger.ts'
import type { Swarm } from '../swarm/swarm.ts'

/** As many edges an answer has, those with most bytes. */
const MAX_EDGES = 10_000

/** Who fed whom in a swarm, and how well that went. */
export function swarmInfo(swarm: Swarm, rates: SwarmRates, seed: HostId): SwarmInfo {
  const contentLength = swarm.content?.geometry.contentLength
  const { floor, fetching, finishes, seedRatio, originRatio } = efficiencyOf(
    swarm.ledger,
    contentLength,
    rates,
  )
  const slowestMs = finishes.at(-1)?.afterMs
  const medianMs = finishes[Math.floor((finishes.length - 1) / 2)]?.afterMs
  return {
    task: swarm.task,
    seed,
    contentLength: contentLength ?? null,
    hosts: swarm.members.size,
    fetching,
    finished: finishes.length,
    floorMs: shown(floor?.ms),
    floorLacks: lacksOf(floor),
    medianMs: whole(medianMs),
    slowestMs: whole(slowestMs),
    medianFloorRatio: ratio(medianMs, floor?.ms),
    slowestFloorRatio: ratio(slowestMs, floor?.ms),
    seedRatio: shown(seedRatio),
    originRatio: shown(originRatio),
    ...edgesOf(swarm.ledger.accounts),
  }
}

function lacksOf(floor: { lacks: readonly string[] } | undefined): string | null {
  if (floor === undefined) return 'the length of the content'
  return floor.lacks.length === 0 ? null : floor.lacks.join(', ')
}

function edgesOf(accounts: ReadonlyMap<HostId, Account>): Pick<SwarmInfo, 'edges' | 'otherBytes'> {
  const all: SwarmInfo['edges'] = []
  let otherBytes = 0
  for (const [to, { received, senders }] of accounts) {
    otherBytes += received.peers + received.seed
    for (const [from, bytes] of senders) all.push({ from, to, bytes })
  }
  const edges = all.toSorted((a, b) => b.bytes - a.bytes).slice(0, MAX_EDGES)
  for (const { bytes } of edges) otherBytes -= bytes
  return { edges, otherBytes: Math.max(0, otherBytes) }
}

/** Four places, as people read it. */
function shown(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 10_000) / 10_000
}

export function whole(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value)
}

function ratio(ms: number | undefined, floorMs: number | undefined): number | null {
  return ms === undefined || floorMs === undefined ? null : shown(ms / floorMs)
}
