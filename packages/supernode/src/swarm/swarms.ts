import { taskIdOf } from '@df/codec'
import type { Logger } from '@df/kit'
import {
  AppError,
  type HostId,
  type HostMessage,
  type MessageOf,
  type PeerRef,
  type Source,
  type TaskId,
  type TaskIdentity,
  toAppError,
} from '@df/proto'
import type { ParentId, SchedulerCommand } from '@df/scheduling'
import type { HostLink, TaskMessage } from './host-link.ts'
import { Hosts } from './hosts.ts'
import { locationOf } from './location.ts'
import { failedMessage } from './messages.ts'
import { Swarm, type SwarmSurroundings } from './swarm.ts'
import type { Wish } from './wish.ts'

/** How long a host may be without a session before it leaves its swarms. */
const GRACE_MS = 2000
const TICK_MS = 1000

/** Who gives orders to hosts. Told of hosts that take orders only. */
export interface OrderGiver {
  /** The host has a new session, the first or another: orders of earlier ones may be lost. */
  connected(link: HostLink): void
  /** The host stayed away for the grace time. */
  down(host: HostId): void
  fetched(host: HostId, message: MessageOf<HostMessage, 'fetched'>): void
}

export interface SwarmsOptions extends Omit<SwarmSurroundings, 'send'> {
  /** Under which id the seed appears in plans. */
  supernode: HostId
  graceMs?: number
  orders?: OrderGiver
  logger: Logger
}

/** All swarms and hosts: turns session messages into scheduler events, and scheduler commands into session messages. */
export class Swarms {
  readonly #options: SwarmsOptions
  readonly #around: SwarmSurroundings
  readonly #swarms = new Map<TaskId, Swarm>()
  readonly #hosts: Hosts
  #timer: NodeJS.Timeout | undefined

  constructor(options: SwarmsOptions) {
    this.#options = options
    const { graceMs = GRACE_MS, schedule, orders } = options
    this.#around = {
      ...options,
      send: (host, message) => this.#hosts.link(host)?.send(message),
    }
    this.#hosts = new Hosts({
      graceMs,
      up: ({ host, upBps, downBps, labels }) => {
        schedule({
          type: 'host-up',
          host,
          ...(upBps === undefined ? {} : { upBps }),
          ...(downBps === undefined ? {} : { downBps }),
          location: locationOf(labels),
        })
      },
      back: (link) => this.#expectAgain(link, graceMs),
      down: (host) => {
        schedule({ type: 'host-down', host })
        orders?.down(host)
        for (const swarm of this.#swarms.values()) swarm.drop(host)
      },
    })
  }

  start(): void {
    this.#timer = setInterval(() => {
      for (const [task, swarm] of this.#swarms) {
        if (!swarm.tick()) this.#swarms.delete(task)
      }
    }, TICK_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#hosts.stop()
    const ended = new AppError('SUPERNODE_UNREACHABLE', 'the SuperNode ends')
    await Promise.all([...this.#swarms.values()].map((swarm) => swarm.close(ended)))
    this.#swarms.clear()
  }

  connect(link: HostLink): void {
    this.#hosts.connect(link)
    if (link.labels !== undefined) this.#options.orders?.connected(link)
  }

  disconnect(link: HostLink): void {
    this.#hosts.disconnect(link)
  }

  receive(link: HostLink, message: TaskMessage): void {
    try {
      this.#apply(link, message)
    } catch (cause) {
      const error = toAppError(cause)
      this.#options.logger.warn(
        { err: error, host: link.host, task: message.task, message: message.type },
        'a host message was not understood',
      )
      if (message.type === 'join') link.send(failedMessage(message.task, error))
    }
  }

  /** Sends the host its plan. */
  execute({ host, task, parents, spares }: Extract<SchedulerCommand, { type: 'plan' }>): void {
    if (this.#swarms.get(task)?.members.has(host) !== true) return
    this.#around.send(host, {
      type: 'plan',
      task,
      parents: parents.map((parent) => this.#peerRef(parent, host)),
      spares: spares.map((spare) => this.#peerRef(spare, host)),
    })
  }

  /** The SuperNode itself wants the content: the seed reads it even if no host does. */
  want(identity: TaskIdentity, source: Source): Wish {
    return this.#swarm(taskIdOf(identity), identity).want(source)
  }

  get(task: TaskId): Swarm | undefined {
    return this.#swarms.get(task)
  }

  all(): Swarm[] {
    return [...this.#swarms.values()]
  }

  /** The host's newest session. */
  link(host: HostId): HostLink | undefined {
    return this.#hosts.link(host)
  }

  /** Hosts with a session now. */
  connected(): HostLink[] {
    return this.#hosts.connected()
  }

  /** Ends the swarm of a task; its hosts hear TASK_DELETED. False when there is none. */
  async delete(task: TaskId): Promise<boolean> {
    const swarm = this.#swarms.get(task)
    if (swarm === undefined) return false
    this.#swarms.delete(task)
    await swarm.close(new AppError('TASK_DELETED', 'an operator deleted the task'))
    return true
  }

  #apply(link: HostLink, message: TaskMessage): void {
    const { host } = link
    if (message.type === 'join') {
      if (taskIdOf(message.identity) !== message.task) {
        throw new AppError('REQUEST_INVALID', 'the task id is not that of the identity')
      }
      this.#swarm(message.task, message.identity).join(link, message)
      return
    }
    if (message.type === 'fetched') {
      this.#options.orders?.fetched(host, message)
      return
    }
    const swarm = this.#swarms.get(message.task)
    if (swarm === undefined) return
    switch (message.type) {
      case 'progress':
        swarm.progress(host, message)
        this.#measured(host, message.downBps)
        break
      case 'lost':
        swarm.lost(host, message.parent)
        break
      case 'bad':
        swarm.bad(host, message.parent, message.piece)
        break
      case 'slow':
        swarm.slow(host, message)
        break
      case 'leave':
        swarm.leave(host)
        break
    }
  }

  #measured(host: HostId, downBps: number | undefined): void {
    if (downBps === undefined || downBps === 0) return
    this.#around.schedule({ type: 'rates', host, downBps })
  }

  #swarm(task: TaskId, identity: Swarm['identity']): Swarm {
    const known = this.#swarms.get(task)
    if (known !== undefined) return known
    const swarm = new Swarm(task, identity, this.#around)
    this.#swarms.set(task, swarm)
    return swarm
  }

  /** A host that came back joins its tasks again; those it does not, it no longer wants. */
  #expectAgain({ host }: HostLink, withinMs: number): void {
    const mine = this.all().filter((swarm) => swarm.members.has(host))
    for (const swarm of mine) swarm.unconfirm(host)
    setTimeout(() => {
      for (const swarm of mine) swarm.leaveUnlessConfirmed(host)
    }, withinMs).unref()
  }

  #peerRef(peer: ParentId, reader: HostId): PeerRef {
    const link = peer === 'seed' ? undefined : this.#hosts.link(peer)
    if (link !== undefined) return { host: link.host, url: link.url }
    return { host: this.#options.supernode, url: this.#hosts.link(reader)?.seedUrl ?? '' }
  }
}
