import { type Geometry, type HostId, type PieceIndex, pieceCount } from '@df/proto'
import { type FetchFailure, FetchPlanner } from '../fetch-planner.ts'
import type { Fetch } from '../open-fetches.ts'

export const hostOf = (n: number) => n.toString(16).padStart(32, '0') as HostId
export const seed = hostOf(999)

/** What may happen to a host that fetches. */
export type Step =
  | { kind: 'arrive' | 'close'; pick: number }
  | { kind: 'fail'; pick: number; failure: FetchFailure }
  | { kind: 'elsewhere'; index: number }
  | { kind: 'plan'; parents: HostId[]; spares: HostId[] }
  | { kind: 'wait'; ms: number }
  | { kind: 'read'; start: number }

function ensure(holds: boolean, rule: string, what: unknown): void {
  if (!holds) throw new Error(`broken: ${rule}: ${JSON.stringify(what)}`)
}

/** A planner with an honest book of what is open and here beside it; every step is checked. */
export class PlannerModel {
  readonly here: Set<PieceIndex>
  readonly open: Fetch[] = []
  readonly banned = new Set<HostId>()
  readonly geometry: Geometry
  readonly planner: FetchPlanner
  now = 0
  urgent: { start: number; end: number }[] = []

  constructor({ pieces, stripes, have }: { pieces: number; stripes: number; have: number[] }) {
    this.geometry = { contentLength: pieces * 1024, pieceSize: 1024, stripes }
    this.here = new Set(have.filter((index) => index < pieces))
    const { here } = this
    this.planner = new FetchPlanner({ geometry: this.geometry, has: (index) => here.has(index) })
    this.planner.setSeed(seed)
  }

  get pieces(): number {
    return pieceCount(this.geometry)
  }

  drop(fetches: readonly Fetch[]): void {
    for (const request of fetches) {
      ensure(this.open.includes(request), 'only what is open is aborted', request)
      this.open.splice(this.open.indexOf(request), 1)
    }
  }

  take(pick: number): Fetch | undefined {
    return this.open.splice(pick % Math.max(1, this.open.length), 1)[0]
  }

  arrive(request: Fetch): void {
    this.planner.closed(request)
    this.come(request.index)
  }

  come(index: PieceIndex): void {
    this.here.add(index)
    this.drop(this.planner.received(index, this.now))
    ensure(
      !this.open.some((request) => request.index === index),
      'requests for what came end',
      index,
    )
  }

  apply(change: Step): void {
    switch (change.kind) {
      case 'arrive': {
        const request = this.take(change.pick)
        if (request !== undefined) this.arrive(request)
        break
      }
      case 'close': {
        const request = this.take(change.pick)
        if (request === undefined) break
        this.planner.closed(request)
        this.planner.closed(request)
        break
      }
      case 'fail': {
        const request = this.take(change.pick)
        if (request === undefined) break
        const { report, abort, againAt } = this.planner.failed(request, change.failure, this.now)
        if (report === 'bad') this.banned.add(request.from)
        const areOfHost = abort.every(({ from }) => from === request.from)
        ensure(areOfHost, 'only requests to the host that failed end', abort)
        ensure((againAt ?? -1) >= this.now, 'there is a next look', againAt)
        this.drop(abort)
        break
      }
      case 'elsewhere':
        if (change.index < this.pieces) this.come(change.index)
        break
      case 'plan':
        this.drop(this.planner.setPlan(change))
        break
      case 'wait':
        this.now += change.ms
        break
      case 'read':
        this.urgent = [{ start: change.start, end: change.start + 8 }]
        break
    }
  }

  ask(): readonly Fetch[] {
    const { now, urgent } = this
    const fetches = this.planner.next({ now, urgent, bps: 0, limitBps: 0 })
    for (const request of fetches) {
      const { index, from, priority } = request
      ensure(index >= 0 && index < this.pieces, 'pieces of the content are asked', request)
      ensure(!this.here.has(index), 'what is here is not asked', request)
      ensure(!this.banned.has(from), 'who is banned is not asked', request)
      const others = this.open.filter((other) => other.index === index)
      if (priority === 'repair') {
        const isOther = others.every((other) => other.from !== from && other.priority !== 'repair')
        ensure(isOther, 'one repair for a piece, of somebody else', request)
      } else ensure(others.length === 0, 'one request of the tree for a piece', request)
      this.open.push(request)
    }
    for (let stripe = 0; stripe < this.geometry.stripes; stripe++) {
      const inStripe = this.open.filter(
        ({ index, priority }) => priority !== 'repair' && index % this.geometry.stripes === stripe,
      )
      ensure(inStripe.length <= 8, 'the window of a stripe holds', inStripe)
    }
    const repairs = this.open.filter(({ priority }) => priority === 'repair')
    ensure(repairs.length <= 4, 'repairs are bounded', repairs)
    return fetches
  }

  check(): void {
    let missing = 0
    while (this.here.has(missing)) missing++
    const told = Math.min(this.pieces, this.planner.firstMissing)
    ensure(told === missing, 'the first missing piece is told', told)
    const { newest } = this.planner
    ensure(newest === Math.max(-1, ...this.here), 'the newest piece is told', newest)
  }
}
