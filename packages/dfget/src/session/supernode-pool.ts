import type { HostId, HostMessage, SupernodeMessage, TaskId } from '@df/proto'
import type { OrderTaker } from './order-taker.ts'
import { ownersOf } from './owner.ts'
import { type SessionOptions, SupernodeSession } from './supernode-session.ts'

/** The messages of a SuperNode that are about a task this host has joined. */
export type TaskMessage = Exclude<
  Extract<SupernodeMessage, { task: TaskId }>,
  { type: 'fetch' | 'forget-order' }
>

/** A task of this host in its swarm: joined wherever the task's owner is, again after each loss. */
export interface SwarmMember {
  readonly task: TaskId
  /** The join for a session; called anew for each, with what is here by then. */
  join(session: SupernodeSession): HostMessage
  onMessage(message: TaskMessage): void
  /** No SuperNode is reachable, or the one that was has gone. */
  onDetached(): void
}

export type PoolOptions = Omit<
  SessionOptions,
  'url' | 'labels' | 'onUp' | 'onDown' | 'onMessage'
> & {
  urls: readonly string[]
  /** Without one, this host takes no orders. */
  orders?: OrderTaker
}

interface Membership {
  member: SwarmMember
  session?: SupernodeSession
  supernode?: HostId
}

/**
 * The sessions with all configured SuperNodes, and which of them owns which task: the highest in the task's
 * rendezvous order whose session is up.
 */
export class SupernodePool {
  readonly #sessions = new Map<string, SupernodeSession>()
  readonly #members = new Map<TaskId, Membership>()
  readonly #tried = new Set<SupernodeSession>()
  readonly #orders: OrderTaker | undefined
  #settled: (() => void)[] = []

  constructor({ urls, orders, ...options }: PoolOptions) {
    this.#orders = orders
    for (const url of urls) {
      const session = new SupernodeSession({
        ...options,
        ...(orders === undefined ? {} : { labels: orders.labels }),
        url,
        onUp: (up) => this.#onUp(up),
        onDown: (down) => this.#onDown(down),
        onMessage: (from, message) => this.#onMessage(from, message),
      })
      this.#sessions.set(url, session)
    }
  }

  start(): void {
    for (const session of this.#sessions.values()) session.connect()
  }

  stop(): void {
    for (const session of this.#sessions.values()) session.close()
    this.#settle()
  }

  states(): { supernode: string; connected: boolean }[] {
    return [...this.#sessions.values()].map(({ url, up }) => ({ supernode: url, connected: up }))
  }

  /** Resolves when a session is up, or every first attempt has failed, or the time is over. */
  async settled(timeoutMs: number): Promise<void> {
    if (this.#isSettled()) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs)
      this.#settled.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** Joins the task at its owner, now and whenever the owner changes. False when no session is up now. */
  attach(member: SwarmMember): boolean {
    this.#members.set(member.task, { member })
    return this.#place(member.task)
  }

  /** Leaves the task. */
  detach(task: TaskId): void {
    this.#members.get(task)?.session?.send({ type: 'leave', task })
    this.#members.delete(task)
  }

  /** Sends to the SuperNode that owns the task; lost when none does. */
  send(message: HostMessage & { task: TaskId }): void {
    this.#members.get(message.task)?.session?.send(message)
  }

  /** Session that the task is joined on now. */
  sessionOf(task: TaskId): SupernodeSession | undefined {
    return this.#members.get(task)?.session
  }

  /** The SuperNode that the task is joined at, or was last: its seed may serve before the session is up again. */
  supernodeOf(task: TaskId): HostId | undefined {
    return this.#members.get(task)?.supernode
  }

  #place(task: TaskId): boolean {
    const entry = this.#members.get(task)
    if (entry === undefined) return false
    const owner = ownersOf(task, [...this.#sessions.keys()])
      .map((url) => this.#sessions.get(url))
      .find((session) => session?.up === true)
    if (owner === entry.session) return owner !== undefined
    entry.session?.send({ type: 'leave', task })
    if (owner === undefined) {
      delete entry.session
      entry.member.onDetached()
      return false
    }
    entry.session = owner
    if (owner.supernode !== undefined) entry.supernode = owner.supernode
    owner.send(entry.member.join(owner))
    return true
  }

  #onUp(session: SupernodeSession): void {
    this.#tried.add(session)
    this.#settle()
    for (const task of this.#members.keys()) this.#place(task)
  }

  #onDown(session: SupernodeSession): void {
    this.#tried.add(session)
    if (this.#isSettled()) this.#settle()
    for (const [task, entry] of this.#members) {
      if (entry.session === session) this.#place(task)
    }
  }

  #onMessage(session: SupernodeSession, message: SupernodeMessage): void {
    if (!('task' in message)) return
    if (message.type === 'fetch' || message.type === 'forget-order') {
      this.#orders?.receive(message, (fetched) => session.send({ type: 'fetched', ...fetched }))
      return
    }
    const entry = this.#members.get(message.task)
    if (entry !== undefined && entry.session === session) entry.member.onMessage(message)
  }

  #isSettled(): boolean {
    const sessions = [...this.#sessions.values()]
    return sessions.some((session) => session.up) || this.#tried.size === sessions.length
  }

  #settle(): void {
    for (const resolve of this.#settled) resolve()
    this.#settled = []
  }
}
