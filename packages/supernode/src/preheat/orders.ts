import {
  AppError,
  type HostId,
  type HostMessage,
  isErrorCode,
  type MessageOf,
  type Source,
  type TaskId,
  type TaskIdentity,
  unsignedUrl,
} from '@df/proto'
import type { HostLink } from '../swarm/host-link.ts'
import type { OrderGiver } from '../swarm/swarms.ts'

/** How long a host that is away may take to come back before its orders fail. */
const GONE_MS = 60_000
/** How long an order may stand without the host having one more piece. */
const STALLED_MS = 10 * 60_000
const SWEEP_MS = 10_000

export interface Order {
  /** The same for the same wish of the same job, also after a restart. */
  id: string
  host: HostId
  task: TaskId
  identity: TaskIdentity
  source: Source
  signal: AbortSignal
}

export interface OrdersOptions {
  /** The host's newest session, if it has one. */
  link(host: HostId): HostLink | undefined
  /** Pieces that the host has of the task. */
  pieces(host: HostId, task: TaskId): number
  goneMs?: number
  stalledMs?: number
}

interface OpenOrder {
  order: Order
  resolve(): void
  reject(error: AppError): void
  /** When it was sent, or the host had one more piece. */
  movedAtMs: number
  pieces: number
}

/** The orders that hosts have not answered. A host gets its own again with each new session. */
export class Orders implements OrderGiver {
  readonly #options: OrdersOptions
  readonly #goneMs: number
  readonly #open = new Map<HostId, Map<string, OpenOrder>>()
  /** Hosts with open orders that are away, and since when. */
  readonly #away = new Map<HostId, NodeJS.Timeout>()
  #sweep: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: OrdersOptions) {
    this.#options = options
    this.#goneMs = options.goneMs ?? GONE_MS
  }

  start(): void {
    this.#sweep = setInterval(() => this.#failStalled(), SWEEP_MS)
  }

  /** Hosts go on with what they were ordered: it is theirs when the SuperNode is back. */
  stop(): void {
    this.#stopped = true
    clearInterval(this.#sweep)
    for (const timer of this.#away.values()) clearTimeout(timer)
    this.#away.clear()
    this.#open.clear()
  }

  /**
   * Resolves when the host has all of the content.
   * @throws AppError what the host says went wrong; PARENT_FAILED with detail `gone` when it stays away; TIMEOUT when
   *   it makes no progress; the signal's reason when aborted, after the host was told to forget it
   */
  place(order: Order): Promise<void> {
    const { host, id, signal } = order
    return new Promise<void>((resolve, reject) => {
      signal.throwIfAborted()
      const onAbort = () => {
        if (!this.#stopped) {
          this.#options.link(host)?.send({ type: 'forget-order', task: order.task, order: id })
        }
        this.#close(host, id)
        reject(signal.reason)
      }
      const settled = (then: () => void) => {
        signal.removeEventListener('abort', onAbort)
        this.#close(host, id)
        then()
      }
      signal.addEventListener('abort', onAbort, { once: true })
      const mine = this.#open.get(host) ?? new Map<string, OpenOrder>()
      this.#open.set(host, mine)
      mine.set(id, {
        order,
        resolve: () => settled(resolve),
        reject: (error) => settled(() => reject(error)),
        movedAtMs: performance.now(),
        pieces: 0,
      })
      const link = this.#options.link(host)
      if (link?.labels !== undefined) link.send(fetchMessage(order, link))
      else this.#expect(host)
    })
  }

  connected(link: HostLink): void {
    clearTimeout(this.#away.get(link.host))
    this.#away.delete(link.host)
    for (const open of this.#open.get(link.host)?.values() ?? []) {
      open.movedAtMs = performance.now()
      link.send(fetchMessage(open.order, link))
    }
  }

  down(host: HostId): void {
    if (this.#open.has(host)) this.#expect(host)
  }

  fetched(host: HostId, message: MessageOf<HostMessage, 'fetched'>): void {
    const open = this.#open.get(host)?.get(message.order)
    if (open === undefined || open.order.task !== message.task) return
    if (message.state === 'complete') {
      open.resolve()
      return
    }
    const code = message.code !== undefined && isErrorCode(message.code) ? message.code : undefined
    open.reject(
      new AppError(code ?? 'PARENT_FAILED', message.message ?? 'the host could not fetch it'),
    )
  }

  #close(host: HostId, id: string): void {
    const mine = this.#open.get(host)
    mine?.delete(id)
    if (mine?.size === 0) this.#open.delete(host)
  }

  /** Waits for a host that is away; its orders fail together. */
  #expect(host: HostId): void {
    if (this.#away.has(host)) return
    const timer = setTimeout(() => {
      this.#away.delete(host)
      const error = new AppError(
        'PARENT_FAILED',
        `host ${host} is away and did not come back within ${this.#goneMs / 1000} s`,
        { detail: { gone: true } },
      )
      for (const open of [...(this.#open.get(host)?.values() ?? [])]) open.reject(error)
    }, this.#goneMs)
    this.#away.set(host, timer)
  }

  #failStalled(): void {
    const { pieces, stalledMs = STALLED_MS } = this.#options
    const now = performance.now()
    for (const [host, mine] of this.#open) {
      if (this.#away.has(host)) continue
      for (const open of [...mine.values()]) {
        const has = pieces(host, open.order.task)
        if (has !== open.pieces) {
          open.pieces = has
          open.movedAtMs = now
        } else if (now - open.movedAtMs > stalledMs) {
          open.reject(new AppError('TIMEOUT', `host ${host} makes no progress`))
        }
      }
    }
  }
}

/** Credentials travel over TLS or within this machine only (design §8.2). */
function fetchMessage({ id, task, identity, source }: Order, { secure }: HostLink) {
  return {
    type: 'fetch' as const,
    task,
    order: id,
    identity,
    source: secure ? source : { url: unsignedUrl(source.url) },
  }
}
