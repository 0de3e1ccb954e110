import type { Geometry } from '@df/proto'
import { fleetFloorMs, granularFloorMs, hostFloorMs } from './floors.ts'
import type { Reader } from './reader.ts'
import type { LayerProgress } from './report/layers.ts'
import type { Scenario } from './scenario.ts'
import type { SimHost } from './sim-host.ts'
import type { SimSupernode } from './sim-supernode.ts'

/** Of some values, none when there were none. */
export interface Spread {
  p50: number
  p99: number
  p999: number
  max: number
}

/** What a run showed. Times in milliseconds of virtual time, ratios to the floor of each host. */
export interface RunResult {
  hosts: number
  finished: number
  startedAtMs: number
  endedAtMs: number
  floorMs: number
  granularFloorMs: number
  /** Of hosts that finished: from their join. */
  finishMs: Spread | undefined
  ratio: Spread | undefined
  /** Apart for hosts of the full rate and for slow ones, when there are slow ones. */
  fastRatio: Spread | undefined
  slowRatio: Spread | undefined
  firstPieceMs: Spread | undefined
  stallMs: Spread | undefined
  /** By layer: when it and all before it were here ÷ what they would need at the host's floor. */
  layerRatios: Spread[]
  seedBytesPerByte: number
  wastedBytesPerByte: number
  crossZoneBytesPerByte: number
  repairs: number
  messagesUpPerHost: number
  messagesDownPerHost: number
  /** Real time that the reducer took, by event, and all of it as a share of the run's virtual time. */
  cpu: Record<string, { events: number; ms: number }>
  cpuShare: number
  /** Greatest time that a message waited for the SuperNode. */
  supernodeWaitMs: number
}

export interface RunFacts {
  scenario: Scenario
  geometry: Geometry
  hosts: readonly SimHost[]
  seedSentBytes: number
  startedAtMs: number
  endedAtMs: number
  supernode: SimSupernode
  readers: readonly Reader[]
  layers: ReadonlyMap<SimHost, LayerProgress>
}

export function resultOf(facts: RunFacts): RunResult {
  const { scenario, geometry, hosts, supernode } = facts
  const floorFacts = {
    sizeBytes: geometry.contentLength,
    seedRateBps: Math.min(
      scenario.seedRateBps,
      scenario.origin?.rateBps ?? Number.POSITIVE_INFINITY,
    ),
    hosts: hosts.map(({ profile }) => profile),
  }
  const done = hosts.filter(({ record }) => record.finishedAtMs !== undefined)
  const timeOf = ({ record }: SimHost) => (record.finishedAtMs ?? 0) - record.joinedAtMs
  const ratioOf = (host: SimHost) => timeOf(host) / hostFloorMs(floorFacts, host.profile.downBps)
  const hasSlow = hosts.some(({ profile }) => profile.isSlow)
  const ratios = (chosen: readonly SimHost[]) => spreadOf(chosen.map(ratioOf))
  const sum = (value: (host: SimHost) => number) =>
    hosts.reduce((all, host) => all + value(host), 0)
  const bytes = geometry.contentLength
  const cpuMs = [...supernode.cpu.values()].reduce((all, { ms }) => all + ms, 0)
  return {
    hosts: hosts.length,
    finished: done.length,
    startedAtMs: facts.startedAtMs,
    endedAtMs: facts.endedAtMs,
    floorMs: fleetFloorMs(floorFacts),
    granularFloorMs: granularFloorMs(floorFacts, geometry.pieceSize),
    finishMs: spreadOf(done.map(timeOf)),
    ratio: ratios(done),
    fastRatio: hasSlow ? ratios(done.filter(({ profile }) => !profile.isSlow)) : undefined,
    slowRatio: hasSlow ? ratios(done.filter(({ profile }) => profile.isSlow)) : undefined,
    firstPieceMs: spreadOf(
      done.map(({ record }) => (record.firstPieceAtMs ?? record.joinedAtMs) - record.joinedAtMs),
    ),
    stallMs: spreadOf(facts.readers.flatMap(({ stallsMs }) => stallsMs.slice(1))),
    layerRatios: layerRatiosOf(facts, (host) => hostFloorMs(floorFacts, host.profile.downBps)),
    seedBytesPerByte: facts.seedSentBytes / bytes,
    wastedBytesPerByte: sum(({ record }) => record.wasted) / bytes,
    crossZoneBytesPerByte: sum(({ record }) => record.fromOtherZones) / bytes,
    repairs: sum(({ record }) => record.repairs),
    messagesUpPerHost: sum(({ record }) => record.messagesUp) / hosts.length,
    messagesDownPerHost: sum(({ record }) => record.messagesDown) / hosts.length,
    cpu: Object.fromEntries(supernode.cpu),
    cpuShare: cpuMs / (facts.endedAtMs - facts.startedAtMs),
    supernodeWaitMs: supernode.longestWaitMs,
  }
}

function layerRatiosOf(
  { scenario, layers }: RunFacts,
  floorMsOf: (host: SimHost) => number,
): Spread[] {
  return Array.from({ length: scenario.layers ?? 0 }, (_, layer) =>
    spreadOf(
      [...layers].flatMap(([host, progress]) => {
        const at = progress.wholeAtMs[layer]
        if (at === undefined) return []
        return [(at - host.record.joinedAtMs) / (floorMsOf(host) * progress.shareUpTo(layer))]
      }),
    ),
  ).filter((spread) => spread !== undefined)
}

/** Percentiles by the nearest rank. */
function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined
  const sorted = Float64Array.from(values).sort()
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) }
}
