import type { HostId, TaskId } from '@df/proto'
import type { ParentId, SchedulerCommand, SchedulerEvent } from '../events.ts'
import { reduce } from '../reducer.ts'
import { createSchedulerState, type SchedulerOptions } from '../scheduler-state.ts'
import { type PeerView, peersOf } from '../views.ts'

export interface Plan {
  parents: ParentId[]
  spares: HostId[]
}

export function hostId(index: number): HostId {
  return index.toString(16).padStart(32, '0') as HostId
}

export const taskId = 'a'.repeat(64) as TaskId

/** A scheduler with its surroundings: a clock that ticks when asked to, and hosts that keep their last plan. */
export class Bench {
  readonly state
  readonly plans = new Map<HostId, Plan>()
  /** Everything that was put in and came out. */
  readonly log: { event: SchedulerEvent; now: number; commands: SchedulerCommand[] }[] = []
  now = 0
  #wakeAt: number | undefined

  constructor(options: Partial<SchedulerOptions> = {}) {
    this.state = createSchedulerState({ seed: 1, ...options })
  }

  send(event: SchedulerEvent): SchedulerCommand[] {
    const { commands } = reduce(this.state, event, this.now)
    this.log.push({ event, now: this.now, commands })
    for (const command of commands) {
      if (command.type === 'wake') this.#wakeAt = command.at
      else if (command.task === taskId) this.plans.set(command.host, command)
    }
    return commands
  }

  /** Lets time pass, with the ticks asked for on the way. */
  pass(ms: number): SchedulerCommand[] {
    const end = this.now + ms
    const commands: SchedulerCommand[] = []
    while (this.#wakeAt !== undefined && this.#wakeAt <= end) {
      this.now = Math.max(this.now, this.#wakeAt)
      this.#wakeAt = undefined
      commands.push(...this.send({ type: 'tick' }))
    }
    this.now = end
    return commands
  }

  ready(stripes = 4, pieces = 1000): SchedulerCommand[] {
    return this.send({ type: 'task-ready', task: taskId, stripes, pieces })
  }

  join(host: number, have = 0): SchedulerCommand[] {
    return this.send({ type: 'join', host: hostId(host), task: taskId, have })
  }

  /** Hosts 0 … count−1 join in one batch, and the task becomes ready. */
  swarm(count: number, { stripes = 4, pieces = 1000 } = {}): this {
    for (let host = 0; host < count; host++) this.join(host)
    this.ready(stripes, pieces)
    return this
  }

  progress(host: number, have: number): SchedulerCommand[] {
    return this.send({ type: 'progress', host: hostId(host), task: taskId, have })
  }

  leave(host: number): SchedulerCommand[] {
    return this.send({ type: 'leave', host: hostId(host), task: taskId })
  }

  lost(host: number, parent: number): SchedulerCommand[] {
    return this.send({ type: 'lost', host: hostId(host), task: taskId, parent: hostId(parent) })
  }

  bad(host: number, parent: number): SchedulerCommand[] {
    const pair = { host: hostId(host), parent: hostId(parent) }
    return this.send({ type: 'bad', ...pair, task: taskId, piece: 0 })
  }

  /** The host's parent of the stripe says that the host takes half of what others take. */
  slow(host: number, stripe: number, share = 0.5): SchedulerCommand[] {
    const parent = this.plans.get(hostId(host))?.parents[stripe]
    if (parent === undefined) return []
    return this.send({
      type: 'slow',
      host: parent,
      task: taskId,
      child: hostId(host),
      stripe,
      share,
    })
  }

  peers(): PeerView[] {
    return peersOf(this.state, taskId)
  }

  peer(host: number): PeerView {
    const view = this.peers().find((peer) => peer.host === hostId(host))
    if (view === undefined) throw new Error(`host ${host} is not in the swarm`)
    return view
  }

  /** Hosts that have the given one, or the seed, for the parent of a stripe. */
  childrenIn(stripe: number, parent: number | 'seed'): number[] {
    const id = parent === 'seed' ? parent : hostId(parent)
    return this.peers()
      .filter(({ parents }) => parents[stripe] === id)
      .map(({ host }) => Number.parseInt(host, 16))
  }

  /** Hops from the content to the host in a stripe. @throws Error when the way does not end */
  depth(host: HostId, stripe: number, peers = indexPeers(this.peers())): number {
    let hops = 0
    for (let at: ParentId | undefined = host; at !== undefined && at !== 'seed'; hops++) {
      if (hops > peers.size) throw new Error(`cycle above ${host} in stripe ${stripe}`)
      const peer = peers.get(at)
      if (peer === undefined) throw new Error(`${at} is not in the swarm`)
      if (peer.complete) break
      at = peer.parents[stripe]
      if (at === undefined) throw new Error(`no parent above ${host} in stripe ${stripe}`)
    }
    return hops
  }

  maxDepth(): number {
    const peers = indexPeers(this.peers())
    let deepest = 0
    for (const { host, parents } of peers.values()) {
      for (const stripe of parents.keys()) {
        deepest = Math.max(deepest, this.depth(host, stripe, peers))
      }
    }
    return deepest
  }
}

function indexPeers(peers: readonly PeerView[]): Map<HostId, PeerView> {
  return new Map(peers.map((peer) => [peer.host, peer]))
}

/** The hosts that the commands have plans for. */
export function plannedHosts(commands: readonly SchedulerCommand[]): number[] {
  return commands.flatMap((command) =>
    command.type === 'plan' ? [Number.parseInt(command.host, 16)] : [],
  )
}
