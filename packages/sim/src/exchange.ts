import {
  type Geometry,
  type HostId,
  type PieceIndex,
  pieceLength,
  stripeOf,
  type TaskId,
} from '@df/proto'
import { type Fetch, type FetchFailure, type Stream, serveKey } from '@df/scheduling'
import type { EventQueue } from './event-queue.ts'
import type { Network } from './network.ts'
import type { SimHost } from './sim-host.ts'
import { type Transfer, type TransferId, Transfers } from './transfers.ts'

/** Kinds of events that are the exchange's. `a` is a transfer and `b` its serial number, if not said otherwise. */
const exchangeEvent = {
  flowEnd: 1,
  asked: 2,
  arrived: 3,
  holdOver: 4,
  refused: 5,
  /** `a`: a host. */
  serveDue: 6,
  /** `a`: a host. */
  pump: 7,
  cancelled: 8,
  silence: 9,
} as const

/** How long a parent holds a request for a piece on its way; a child hears nothing for so long before it gives a parent up. As in `transfer`. */
const HOLD_MS = 1000
const SILENCE_MS = 2000
/** Head of a request and of an answer. */
const HEAD_BYTES = 500
const failures: readonly FetchFailure[] = ['not-yet', 'absent', 'busy', 'invalid', 'lost']

export interface ExchangeOptions {
  queue: EventQueue
  network: Network
  hosts: readonly SimHost[]
  numberOf(host: HostId): number | undefined
  geometry(): Geometry
  task(): TaskId
  /** What the readers of the host wait for. */
  urgentOf(host: SimHost): readonly { start: PieceIndex; end: PieceIndex }[]
  verifyMsPerByte: number
  /** The SuperNode's own copy, among the hosts. */
  seed: SimHost
  report(child: SimHost, type: 'lost' | 'bad', parent: HostId, piece: PieceIndex): void
  stored(host: SimHost, index: PieceIndex): void
}

/** Pieces between hosts: requests, holding, serving, arrival and what goes wrong with them. */
export class Exchange {
  readonly #options: ExchangeOptions
  readonly #transfers = new Transfers()
  /** Open requests of each child, by what its planner gave out. */
  readonly #byFetch = new Map<Fetch, Transfer>()

  constructor(options: ExchangeOptions) {
    this.#options = options
  }

  /** Gives true when the event was one of the exchange's. */
  handle(kind: number, a: number, b: number): boolean {
    const { hosts } = this.#options
    if (kind === exchangeEvent.serveDue || kind === exchangeEvent.pump) {
      const host = hosts[a]
      if (host === undefined) return true
      if (kind === exchangeEvent.pump) this.pump(host)
      else if (this.#options.queue.now >= host.serveDueAt) {
        host.serveDueAt = Number.POSITIVE_INFINITY
        this.#serve(host)
      }
      return true
    }
    if (kind < exchangeEvent.flowEnd || kind > exchangeEvent.silence) return false
    const transfer = kind === exchangeEvent.flowEnd ? this.#byFlow(a, b) : this.#transfers.get(a, b)
    if (transfer !== undefined) this.#on(kind, transfer)
    return true
  }

  /** Sends what the host's planner wants now. */
  pump(host: SimHost): void {
    const { planner } = host
    if (planner === undefined || host.state !== 'here') return
    const { queue, numberOf, hosts } = this.#options
    const { now } = queue
    const facts = {
      now,
      urgent: this.#options.urgentOf(host),
      bps: host.arrivals.receivingBps(now),
      limitBps: host.link.downBps(now) ?? 0,
    }
    for (const fetch of planner.next(facts)) {
      const parent = hosts[numberOf(fetch.from) ?? -1]
      if (parent === undefined) {
        this.#fail(host, fetch, 'lost')
        continue
      }
      if (fetch.priority === 'repair') host.record.repairs++
      const transfer = this.#transfers.open(host.number, parent.number, fetch)
      this.#byFetch.set(fetch, transfer)
      this.#after(this.#latency(host, parent), exchangeEvent.asked, transfer)
    }
  }

  /** The child wants these no more. */
  abort(fetches: readonly Fetch[]): void {
    for (const fetch of fetches) {
      const transfer = this.#byFetch.get(fetch)
      if (transfer === undefined) continue
      this.#byFetch.delete(fetch)
      transfer.isAborted = true
      const { child, parent } = this.#ends(transfer)
      if (transfer.state !== 'arriving') {
        this.#after(this.#latency(child, parent), exchangeEvent.cancelled, transfer)
      }
    }
  }

  /** The host has one piece more, from wherever: requests that were held for it go on. */
  released(host: SimHost, index: PieceIndex): void {
    const held = host.held.get(index)
    if (held === undefined) return
    host.held.delete(index)
    for (const id of held) {
      const transfer = this.#transfers.current(id)
      if (transfer.state === 'held' && transfer.parent === host.number)
        this.#enqueue(transfer, host)
    }
    this.#serve(host)
  }

  /** The host's process ended: what it served breaks off at once, what it asked is nobody's. */
  died(host: SimHost): void {
    for (const transfer of this.#transfers.all()) {
      if (transfer.parent === host.number && transfer.state !== 'arriving') this.#reset(transfer)
      else if (transfer.child === host.number) this.abort([transfer.fetch])
    }
    host.held.clear()
  }

  /** The host's cable is cut: those that wait for it hear nothing any more. */
  cut(host: SimHost): void {
    for (const transfer of this.#transfers.all()) {
      if (transfer.parent === host.number && transfer.state !== 'arriving') {
        if (transfer.state === 'sent') this.#options.network.stop(transfer.flow)
        transfer.state = 'held'
        this.#after(SILENCE_MS, exchangeEvent.silence, transfer)
      } else if (transfer.child === host.number) this.abort([transfer.fetch])
    }
  }

  #on(kind: number, transfer: Transfer): void {
    switch (kind) {
      case exchangeEvent.asked:
        return this.#asked(transfer)
      case exchangeEvent.flowEnd:
        return this.#sent(transfer)
      case exchangeEvent.arrived:
        return this.#arrived(transfer)
      case exchangeEvent.holdOver:
        return this.#holdOver(transfer)
      case exchangeEvent.refused:
        return this.#refused(transfer, failures[transfer.flow] ?? 'lost')
      case exchangeEvent.cancelled:
        return this.#cancelled(transfer)
      case exchangeEvent.silence:
        return this.#refused(transfer, 'lost')
    }
  }

  #asked(transfer: Transfer): void {
    const { parent } = this.#ends(transfer)
    const { index, priority } = transfer.fetch
    if (parent.state === 'dead') return this.#refuse(transfer, 'lost')
    if (parent.state !== 'here') {
      transfer.state = 'held'
      this.#after(SILENCE_MS, exchangeEvent.silence, transfer)
      return
    }
    const stream = this.#streamOf(transfer)
    if (stream !== undefined) parent.pace.asked(stream, parent.has(index), this.#options.queue.now)
    if (parent.has(index)) {
      this.#enqueue(transfer, parent)
      this.#serve(parent)
      return
    }
    if (parent.planner === undefined && parent !== this.#options.seed) {
      return this.#refuse(transfer, 'absent')
    }
    if (priority === 'repair') return this.#refuse(transfer, 'not-yet')
    transfer.state = 'held'
    const held = parent.held.get(index)
    if (held === undefined) parent.held.set(index, [transfer.id])
    else held.push(transfer.id)
    this.#after(HOLD_MS, exchangeEvent.holdOver, transfer)
  }

  #holdOver(transfer: Transfer): void {
    if (transfer.state !== 'held') return
    this.#unhold(transfer, this.#ends(transfer).parent)
    this.#refuse(transfer, 'not-yet')
  }

  #enqueue(transfer: Transfer, parent: SimHost): void {
    transfer.state = 'queued'
    const { priority, index } = transfer.fetch
    parent.serve.enqueue(serveKey(priority, index), transfer.id, {
      receiver: String(transfer.child),
      now: this.#options.queue.now,
    })
  }

  /** Starts what the host's order lets go. */
  #serve(host: SimHost): void {
    if (host.state !== 'here') return
    const { queue, network } = this.#options
    const { now } = queue
    for (const id of host.serve.expired(now)) this.#refuse(this.#transfers.current(id), 'busy')
    for (;;) {
      const id = host.serve.take({
        now,
        sentBps: host.link.sendingBps(now),
        upBps: host.link.upBps,
      })
      if (id === undefined) break
      const transfer = this.#transfers.current(id)
      const { child } = this.#ends(transfer)
      const bytes = pieceLength(this.#options.geometry(), transfer.fetch.index) + HEAD_BYTES
      transfer.state = 'sent'
      transfer.flow = network.start(host.up, child.down, bytes, transfer.id)
    }
    host.link.setBacklog(host.serve.waiting > 0, now)
    const dueMs = host.serve.nextDueMs(now)
    if (dueMs === undefined || now + dueMs >= host.serveDueAt) return
    // A moment later than said, as a timer is: an event of the same time may come before it.
    host.serveDueAt = now + dueMs + 0.001
    queue.schedule(host.serveDueAt, exchangeEvent.serveDue, host.number)
  }

  #sent(transfer: Transfer): void {
    const { network, verifyMsPerByte } = this.#options
    const { child, parent } = this.#ends(transfer)
    network.finished(transfer.flow)
    const bytes = pieceLength(this.#options.geometry(), transfer.fetch.index)
    parent.link.sent(bytes, this.#options.queue.now)
    this.#sendEnded(transfer)
    const stream = this.#streamOf(transfer)
    if (stream !== undefined) parent.pace.sent(stream, this.#options.queue.now)
    transfer.state = 'arriving'
    const verifyMs = verifyMsPerByte * bytes
    this.#after(this.#latency(child, parent) + verifyMs, exchangeEvent.arrived, transfer)
    this.#serve(parent)
  }

  /** A piece that was sent as its turn in the tree was. */
  #streamOf({ fetch, child, parent }: Transfer): Stream | undefined {
    if (fetch.priority !== 'tree') return undefined
    const { hosts, seed, task } = this.#options
    return {
      task: task(),
      stripe: stripeOf(this.#options.geometry(), fetch.index),
      receiver: (hosts[child] ?? seed).profile.id,
      isWhole: (hosts[parent] ?? seed).isComplete,
    }
  }

  #sendEnded(transfer: Transfer): void {
    this.#ends(transfer).parent.serve.finished(transfer.id, this.#options.queue.now)
  }

  #arrived(transfer: Transfer): void {
    const { child, parent } = this.#ends(transfer)
    const { fetch, isAborted } = transfer
    this.#byFetch.delete(fetch)
    this.#transfers.close(transfer)
    if (child.state !== 'here' || child.planner === undefined) return
    const bytes = pieceLength(this.#options.geometry(), fetch.index)
    if (isAborted) child.record.wasted += bytes
    else if (parent.profile.isCorrupt) {
      child.record.wasted += bytes
      this.#fail(child, fetch, 'invalid')
    } else this.#store(child, parent, fetch, bytes)
    this.pump(child)
  }

  #store(child: SimHost, parent: SimHost, fetch: Fetch, bytes: number): void {
    const { queue, seed, stored } = this.#options
    child.planner?.closed(fetch)
    if (!child.add(fetch.index)) {
      child.record.wasted += bytes
      return
    }
    child.arrivals.received(bytes, queue.now)
    child.link.received(bytes, queue.now)
    if (parent === seed) child.record.fromSeed += bytes
    else child.record.fromPeers += bytes
    if (parent.profile.zone !== child.profile.zone) child.record.fromOtherZones += bytes
    child.record.firstPieceAtMs ??= queue.now
    this.abort(child.planner?.received(fetch.index, queue.now) ?? [])
    this.released(child, fetch.index)
    stored(child, fetch.index)
  }

  #refuse(transfer: Transfer, failure: FetchFailure): void {
    const { child, parent } = this.#ends(transfer)
    transfer.state = 'arriving'
    transfer.flow = failures.indexOf(failure)
    this.#after(this.#latency(child, parent), exchangeEvent.refused, transfer)
  }

  #refused(transfer: Transfer, failure: FetchFailure): void {
    const { child } = this.#ends(transfer)
    const { fetch, isAborted } = transfer
    this.#byFetch.delete(fetch)
    this.#transfers.close(transfer)
    if (isAborted || child.state !== 'here') return
    this.#fail(child, fetch, failure)
    this.pump(child)
  }

  #fail(child: SimHost, fetch: Fetch, failure: FetchFailure): void {
    const { queue, report } = this.#options
    const outcome = child.planner?.failed(fetch, failure, queue.now)
    if (outcome === undefined) return
    this.abort(outcome.abort)
    if (outcome.report !== undefined) report(child, outcome.report, fetch.from, fetch.index)
    if (outcome.againAt !== undefined && Number.isFinite(outcome.againAt)) {
      queue.schedule(outcome.againAt + 0.001, exchangeEvent.pump, child.number)
    }
  }

  /** The child's cancellation reaches the parent. */
  #cancelled(transfer: Transfer): void {
    const { parent } = this.#ends(transfer)
    if (transfer.state === 'arriving') return
    if (transfer.state === 'held') this.#unhold(transfer, parent)
    if (transfer.state === 'queued') parent.serve.remove(transfer.id)
    if (transfer.state === 'sent') {
      const { child } = this.#ends(transfer)
      const left = this.#options.network.bytesLeft(transfer.flow)
      const bytes = pieceLength(this.#options.geometry(), transfer.fetch.index)
      child.record.wasted += Math.max(0, bytes - left)
      this.#options.network.stop(transfer.flow)
      this.#sendEnded(transfer)
    }
    this.#transfers.close(transfer)
    this.#serve(parent)
  }

  #unhold(transfer: Transfer, parent: SimHost): void {
    const left = parent.held.get(transfer.fetch.index)?.filter((id) => id !== transfer.id) ?? []
    if (left.length === 0) parent.held.delete(transfer.fetch.index)
    else parent.held.set(transfer.fetch.index, left)
  }

  #reset(transfer: Transfer): void {
    const { parent } = this.#ends(transfer)
    if (transfer.state === 'asked') return
    if (transfer.state === 'sent') {
      this.#options.network.stop(transfer.flow)
      this.#sendEnded(transfer)
    }
    parent.serve.remove(transfer.id)
    this.#refuse(transfer, 'lost')
  }

  #byFlow(flow: number, id: TransferId): Transfer | undefined {
    const transfer = this.#transfers.current(id)
    return transfer.state === 'sent' && transfer.flow === flow ? transfer : undefined
  }

  #ends(transfer: Transfer): { child: SimHost; parent: SimHost } {
    const { hosts, seed } = this.#options
    return { child: hosts[transfer.child] ?? seed, parent: hosts[transfer.parent] ?? seed }
  }

  #latency(a: SimHost, b: SimHost): number {
    return a.profile.latencyMs + b.profile.latencyMs
  }

  #after(ms: number, kind: number, { id, serial }: Transfer): void {
    this.#options.queue.schedule(this.#options.queue.now + ms, kind, id, serial)
  }
}
