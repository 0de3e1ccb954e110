import type { Geometry, PieceIndex } from '@df/proto'
import { Reader } from './reader.ts'
import { LayerProgress } from './report/layers.ts'
import type { Scenario } from './scenario.ts'
import type { SimHost } from './sim-host.ts'

/** What uses the content on each host while it arrives: programs that read it, engines that unpack its layers. */
export class Consumers {
  readonly readers = new Map<SimHost, Reader>()
  readonly layers = new Map<SimHost, LayerProgress>()
  readonly #scenario: Scenario
  readonly #geometry: Geometry
  readonly #pieces: number

  constructor(scenario: Scenario, content: { geometry: Geometry; pieces: number }) {
    this.#scenario = scenario
    this.#geometry = content.geometry
    this.#pieces = content.pieces
  }

  /** The host starts to fetch: so do those that use what comes. */
  joined(host: SimHost): void {
    const { reader, layers, seed } = this.#scenario
    if (layers !== undefined) this.layers.set(host, new LayerProgress(layers, this.#pieces))
    if (reader === undefined) return
    const about = { pieces: this.#pieces, geometry: this.#geometry, bps: host.profile.downBps }
    this.readers.set(host, new Reader({ ...reader, ...about, seed: seed + host.number }))
  }

  stored(host: SimHost, index: PieceIndex, now: number): void {
    this.readers.get(host)?.stored(index, now)
    this.layers.get(host)?.stored(index, now)
  }

  /** Pieces that the host's reader waits for, in half-open ranges. */
  urgentOf(host: SimHost): Reader['urgent'] {
    return this.readers.get(host)?.urgent ?? []
  }

  /** For the next content. */
  clear(): void {
    this.readers.clear()
    this.layers.clear()
  }
}
