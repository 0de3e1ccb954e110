import { type Geometry, type HostId, type PieceIndex, pieceCount } from '@df/proto'
import type { PlacementPolicy } from '@df/scheduling'
import { Consumers } from './consumers.ts'
import { cutOf, taskIdOf } from './content.ts'
import { type EventId, EventQueue, type SimEvent } from './event-queue.ts'
import { Exchange } from './exchange.ts'
import { buildFleet, seedProfile } from './fleet.ts'
import { Network } from './network.ts'
import { Post } from './post.ts'
import type { Trace } from './report/trace.ts'
import { type RunResult, resultOf } from './result.ts'
import type { Scenario } from './scenario.ts'
import { SimHost } from './sim-host.ts'
import { type Plan, SimSupernode } from './sim-supernode.ts'
import { GRACE_MS, kinds, LOOK_MS, RECONNECT_MS, REPORT_MS, STALLED_MS } from './world-events.ts'

const KB = 1024

export interface RunOptions {
  policy?: PlacementPolicy
  /** Is given the run's course. */
  trace?: Trace
  /** A real clock, milliseconds: how long the reducer takes is told in the result. */
  clock: () => number
}

/** Runs a scenario to its end, all hosts that live complete. @throws Error when the swarm stands still */
export function runScenario(scenario: Scenario, options: RunOptions): RunResult {
  return new World(scenario, options).run()
}

/** One run: the fleet, the SuperNode, and time. */
class World {
  readonly #scenario: Scenario
  readonly #queue = new EventQueue()
  readonly #network: Network
  readonly #hosts: SimHost[]
  readonly #seed: SimHost
  readonly #exchange: Exchange
  readonly #supernode: SimSupernode
  readonly #numbers = new Map<HostId, number>()
  readonly #geometry: Geometry
  readonly #pieces: number
  readonly #trace: Trace | undefined
  readonly #consumers: Consumers
  readonly #post = new Post(this.#queue, kinds.message)
  #task = taskIdOf(0)
  #roundStartMs = 0
  #left = 0
  #lastPieceMs = 0
  #originPieces = 0
  #tickEvent: EventId | undefined

  constructor(scenario: Scenario, options: RunOptions) {
    this.#scenario = scenario
    this.#trace = options.trace
    this.#geometry = cutOf(scenario)
    this.#pieces = pieceCount(this.#geometry)
    this.#consumers = new Consumers(scenario, { geometry: this.#geometry, pieces: this.#pieces })
    this.#network = new Network(this.#queue, 1)
    const now = () => this.#queue.now
    const profiles = buildFleet(scenario)
    this.#hosts = [...profiles, seedProfile(scenario)].map((profile, number) => {
      this.#numbers.set(profile.id, number)
      const up = this.#network.addLink(profile.upBps / 1000)
      const down = this.#network.addLink(profile.downBps / 1000)
      return new SimHost({ number, profile, links: { up, down }, pieces: this.#pieces, now })
    })
    const seed = this.#hosts.at(-1)
    if (seed === undefined) throw new RangeError('a run needs a SuperNode')
    this.#seed = seed
    seed.state = 'here'
    this.#exchange = new Exchange({
      queue: this.#queue,
      network: this.#network,
      hosts: this.#hosts,
      numberOf: (host) => this.#numbers.get(host),
      geometry: () => this.#geometry,
      task: () => this.#task,
      urgentOf: (host) => this.#consumers.urgentOf(host),
      verifyMsPerByte: scenario.verifyMsPerMiB / (KB * KB),
      seed,
      report: (child, type, parent, piece) => {
        const about = { host: child.profile.id, task: this.#task, parent }
        if (type === 'bad') {
          this.#trace?.mark('reported-bad', this.#queue.now, this.#numbers.get(parent))
        }
        this.#tell(child, () =>
          this.#supernode.receive(type === 'bad' ? { type, ...about, piece } : { type, ...about }),
        )
      },
      stored: (host, index) => this.#stored(host, index),
    })
    this.#supernode = new SimSupernode({
      seed: scenario.seed,
      linkRate: scenario.seedRateBps / 1000,
      ...(options.policy && { policy: options.policy }),
      now,
      clock: options.clock,
      wakeTurn: (at) => void this.#queue.schedule(at, kinds.turn),
      wakeTick: (at) => this.#wakeTick(at),
      send: (plan, at) => this.#sendPlan(plan, at),
    })
  }

  run(): RunResult {
    for (const { profile } of this.#hosts) {
      if (profile.id !== this.#seed.profile.id) this.#introduce(profile)
    }
    const rounds = this.#scenario.rounds ?? 1
    for (let round = 0; round < rounds; round++) {
      if (round > 0) this.#nextContent(round)
      this.#startRound()
      this.#play()
    }
    return resultOf({
      scenario: this.#scenario,
      geometry: this.#geometry,
      hosts: this.#hosts.filter(({ profile }) => !profile.isSeed),
      seedSentBytes: this.#hosts.reduce((sum, { record }) => sum + record.fromSeed, 0),
      startedAtMs: this.#roundStartMs,
      endedAtMs: this.#queue.now,
      supernode: this.#supernode,
      readers: [...this.#consumers.readers.values()],
      layers: this.#consumers.layers,
    })
  }

  #introduce(profile: SimHost['profile']): void {
    this.#supernode.hostUp({
      type: 'host-up',
      host: profile.id,
      ...(profile.isRateKnown ? { upBps: profile.upBps, downBps: profile.downBps } : {}),
      ...(this.#scenario.zones === undefined ? {} : { location: [`zone-${profile.zone}`] }),
    })
  }

  #startRound(): void {
    const { origin, supernodeLoss } = this.#scenario
    const now = this.#queue.now
    this.#roundStartMs = now
    this.#lastPieceMs = now
    const ready = {
      type: 'task-ready',
      task: this.#task,
      stripes: this.#geometry.stripes,
      pieces: this.#pieces,
    } as const
    if (origin === undefined) {
      this.#seed.fill()
      this.#supernode.apply(ready)
    } else {
      this.#originPieces = 0
      this.#post.send(now + origin.firstByteMs, () => {
        this.#supernode.apply(ready)
        this.#readOrigin()
      })
    }
    this.#queue.schedule(now + LOOK_MS, kinds.look, this.#seed.number)
    for (const host of this.#hosts) {
      if (host === this.#seed || host.state === 'dead' || host.state === 'silent') continue
      if (host.profile.isSeed) host.fill()
      else this.#left++
      this.#queue.schedule(now + host.profile.joinAtMs, kinds.join, host.number)
      const { dies, changes } = host.profile
      if (dies !== undefined) this.#queue.schedule(now + dies.atMs, kinds.dies, host.number)
      if (changes !== undefined)
        this.#queue.schedule(now + changes.atMs, kinds.changes, host.number)
    }
    if (supernodeLoss !== undefined) {
      this.#queue.schedule(now + supernodeLoss.atMs, kinds.supernodeStops)
      this.#queue.schedule(now + supernodeLoss.atMs + supernodeLoss.forMs, kinds.supernodeStarts)
    }
  }

  #nextContent(round: number): void {
    this.#supernode.forget(this.#task)
    this.#task = taskIdOf(round)
    this.#consumers.clear()
    this.#trace?.restart()
    for (const host of this.#hosts) host.reset(this.#pieces, () => this.#queue.now)
  }

  #play(): void {
    const event: SimEvent = { kind: 0, a: 0, b: 0, c: 0 }
    while (this.#left > 0 && this.#queue.next(event)) {
      if (!this.#exchange.handle(event.kind, event.a, event.b)) this.#on(event)
      this.#network.settle()
      if (this.#queue.now - this.#lastPieceMs > STALLED_MS) {
        throw new Error(
          `the swarm stands still at ${Math.round(this.#queue.now)} ms, ${this.#left} hosts lack pieces`,
        )
      }
    }
  }

  #on({ kind, a }: SimEvent): void {
    if (kind === kinds.turn) return this.#supernode.turn()
    if (kind === kinds.tick) {
      this.#tickEvent = undefined
      return this.#supernode.tick()
    }
    if (kind === kinds.message) return this.#post.arrive(a)
    if (kind === kinds.supernodeStops) return this.#supernodeStops()
    if (kind === kinds.supernodeStarts) return this.#supernodeStarts()
    if (kind === kinds.originPiece) return this.#originPiece()
    const host = this.#hosts[a]
    if (host === undefined) return
    if (kind === kinds.join) return this.#join(host)
    if (kind === kinds.rejoin) return this.#sendJoin(host)
    if (kind === kinds.report) return this.#report(host)
    if (kind === kinds.look) return this.#look(host)
    if (kind === kinds.dies) return this.#dies(host)
    if (kind === kinds.changes) this.#changes(host)
  }

  // ---- a host's part ----

  #join(host: SimHost): void {
    const now = this.#queue.now
    host.state = 'here'
    host.record.joinedAtMs = now
    this.#trace?.joined(host.number, now)
    if (host.isComplete) host.record.finishedAtMs = now
    else {
      host.plan(this.#geometry, this.#seed.profile.id)
      this.#consumers.joined(host)
      this.#queue.schedule(now + LOOK_MS, kinds.look, host.number)
      this.#queue.schedule(now + REPORT_MS, kinds.report, host.number)
    }
    this.#sendJoin(host)
  }

  #sendJoin(host: SimHost): void {
    if (host.state !== 'here') return
    this.#tell(host, () =>
      this.#supernode.receive({
        type: 'join',
        host: host.profile.id,
        task: this.#task,
        have: host.have,
      }),
    )
  }

  #report(host: SimHost): void {
    if (host.state !== 'here' || host.planner === undefined) return
    const about = { host: host.profile.id, task: this.#task, have: host.have }
    this.#tell(host, () => this.#supernode.receive({ type: 'progress', ...about }))
    if (!host.isComplete)
      this.#queue.schedule(this.#queue.now + REPORT_MS, kinds.report, host.number)
  }

  #look(host: SimHost): void {
    if (host.state !== 'here') return
    for (const { receiver, stripe, share } of host.pace.slow(this.#queue.now)) {
      const child = this.#hosts[this.#numbers.get(receiver) ?? -1]
      if (child === undefined || child.isComplete) continue
      this.#trace?.mark('reported-slow', this.#queue.now, child.number)
      const slow = {
        type: 'slow',
        task: this.#task,
        child: child.profile.id,
        stripe,
        share,
      } as const
      if (host === this.#seed) this.#supernode.apply({ ...slow, host: 'seed' })
      else {
        this.#tell(host, () => this.#supernode.receive({ ...slow, host: host.profile.id }))
      }
    }
    if (host === this.#seed) {
      this.#queue.schedule(this.#queue.now + LOOK_MS, kinds.look, host.number)
      return
    }
    const { planner } = host
    if (planner === undefined || host.isComplete) return
    this.#tellRates(host)
    this.#exchange.pump(host)
    this.#queue.schedule(this.#queue.now + LOOK_MS, kinds.look, host.number)
  }

  /** News of the link go out at once. */
  #tellRates(host: SimHost): void {
    const downBps = host.link.downBps(this.#queue.now)
    if (downBps === undefined || Math.abs(downBps - host.toldBps) < 0.1 * host.toldBps) return
    host.toldBps = downBps
    this.#tell(host, () =>
      this.#supernode.receive({ type: 'rates', host: host.profile.id, downBps }),
    )
  }

  #stored(host: SimHost, index: PieceIndex): void {
    const now = this.#queue.now
    this.#lastPieceMs = now
    this.#consumers.stored(host, index, now)
    this.#trace?.progress(host.number, host.have / this.#pieces, now)
    if (!host.isComplete || host.record.finishedAtMs !== undefined) return
    host.record.finishedAtMs = now
    this.#left--
    this.#report(host)
    host.planner = undefined
  }

  #dies(host: SimHost): void {
    if (host.state !== 'here' || host.record.finishedAtMs !== undefined) return
    this.#left--
    const way = host.profile.dies?.way
    this.#trace?.mark('dies', this.#queue.now, host.number)
    host.state = way === 'cut' ? 'silent' : 'dead'
    if (way === 'cut') this.#exchange.cut(host)
    else this.#exchange.died(host)
    host.planner = undefined
    this.#post.send(this.#queue.now + GRACE_MS, () =>
      this.#supernode.receive({ type: 'host-down', host: host.profile.id }),
    )
  }

  #changes(host: SimHost): void {
    this.#trace?.mark('changes', this.#queue.now, host.number)
    const factor = host.profile.changes?.factor ?? 1
    this.#network.setCapacity(host.up, (factor * host.profile.upBps) / 1000)
    this.#network.setCapacity(host.down, (factor * host.profile.downBps) / 1000)
  }

  // ---- the SuperNode's part ----

  /** What the host says arrives half a round trip later. */
  #tell(host: SimHost, deliver: () => void): void {
    host.record.messagesUp++
    this.#post.send(this.#queue.now + this.#latency(host), deliver)
  }

  /** The scheduler waits for one tick at a time. */
  #wakeTick(at: number): void {
    if (this.#tickEvent !== undefined) this.#queue.cancel(this.#tickEvent)
    this.#tickEvent = this.#queue.schedule(at, kinds.tick)
  }

  #sendPlan(plan: Plan, at: number): void {
    const host = this.#hosts[this.#numbers.get(plan.host) ?? -1]
    if (host !== undefined) this.#post.send(at + this.#latency(host), () => this.#take(host, plan))
  }

  #take(host: SimHost, { task, parents, spares }: Plan): void {
    if (task !== this.#task) return
    host.record.messagesDown++
    if (host.planner === undefined || host.state !== 'here') return
    const seed = this.#seed.profile.id
    const known = parents.map((parent) => (parent === 'seed' ? seed : parent))
    this.#exchange.abort(host.planner.setPlan({ parents: known, spares }))
    this.#exchange.pump(host)
  }

  #readOrigin(): void {
    const { origin } = this.#scenario
    if (origin === undefined || this.#originPieces >= this.#pieces) return
    const ms = (1000 * this.#geometry.pieceSize) / origin.rateBps
    this.#queue.schedule(this.#queue.now + ms, kinds.originPiece)
  }

  #originPiece(): void {
    const index = this.#originPieces++
    this.#lastPieceMs = this.#queue.now
    this.#seed.add(index)
    this.#exchange.released(this.#seed, index)
    this.#readOrigin()
  }

  #supernodeStops(): void {
    this.#trace?.mark('supernode-stops', this.#queue.now)
    this.#supernode.stop()
    this.#seed.state = 'dead'
    this.#exchange.died(this.#seed)
  }

  #supernodeStarts(): void {
    this.#trace?.mark('supernode-starts', this.#queue.now)
    this.#supernode.start()
    this.#seed.state = 'here'
    this.#supernode.apply({
      type: 'task-ready',
      task: this.#task,
      stripes: this.#geometry.stripes,
      pieces: this.#pieces,
    })
    for (const host of this.#hosts) {
      if (host === this.#seed || host.state !== 'here') continue
      this.#introduce(host.profile)
      // Sessions come back as each host tries again.
      const afterMs = (RECONNECT_MS * host.number) / this.#hosts.length
      this.#queue.schedule(this.#queue.now + afterMs, kinds.rejoin, host.number)
    }
  }

  #latency(host: SimHost): number {
    return host.profile.latencyMs + this.#seed.profile.latencyMs
  }
}
