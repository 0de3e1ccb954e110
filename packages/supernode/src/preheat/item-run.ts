import {
  type AppError,
  type Geometry,
  type HostId,
  type PreheatError,
  type Source,
  type TaskIdentity,
  toAppError,
} from '@df/proto'
import type { LimitFunction } from 'p-limit'
import type { Wish } from '../swarm/wish.ts'
import type { Item, JobEvent } from './job.ts'
import type { Orders } from './orders.ts'
import type { Persistence } from './persistence.ts'

export interface ItemRunOptions {
  item: Item
  /** Its index in the job. */
  at: number
  /** The job's hosts; the letters of the item are about them. */
  hosts: readonly HostId[]
  /** Names the job in orders. */
  jobId: string
  /** Where the content is read, with what the origin asks for at this moment. */
  source(signal: AbortSignal): Promise<Source>
  want(identity: TaskIdentity, source: Source): Wish
  /** Readings of all jobs together. */
  seeds: LimitFunction
  orders: Orders
  persistence: Persistence
  /** The origin did not take the credentials: true when there may be better ones. */
  renewed(): boolean
  /** A host went for good: true when another takes its place. */
  replace(host: HostId): boolean
  apply(event: JobEvent): void
  signal: AbortSignal
}

/** Brings one content of a job to the seed, and to the hosts from the moment the seed can serve it. */
export class ItemRun {
  readonly #options: ItemRunOptions
  readonly #halt = new AbortController()
  readonly #signal: AbortSignal
  readonly #seeded = Promise.withResolvers<void>()
  #isSeeded = false
  #source: Source | undefined
  #wish: Wish | undefined
  #haveBytes = 0
  #hosts: Promise<unknown> | undefined

  constructor(options: ItemRunOptions) {
    this.#options = options
    this.#signal = AbortSignal.any([options.signal, this.#halt.signal])
  }

  /** Bytes that the SuperNode has of it. */
  get haveBytes(): number {
    return this.#wish?.haveBytes ?? this.#haveBytes
  }

  /** Resolves when the seed and all hosts have it or failed to. Never rejects: what goes wrong is told by events. */
  async run(): Promise<void> {
    const { at, apply, persistence, renewed, signal } = this.#options
    try {
      await persistence.attempt(() => this.#seed(), {
        signal,
        progress: () => this.#haveBytes,
        renewed,
      })
      apply({ type: 'seeded', item: at })
      this.#isSeeded = true
      this.#seeded.resolve()
      await this.#distribute()
    } catch (cause) {
      const error = toAppError(cause)
      this.#halt.abort(error)
      this.#seeded.resolve()
      await this.#hosts
      if (!signal.aborted) apply({ type: 'seed-failed', item: at, error: preheatError(error) })
    }
  }

  /** One try. @throws AppError as Wish.finished, and what the source throws; the signal's reason */
  async #seed(): Promise<void> {
    const { item, at, seeds, want, apply } = this.#options
    await seeds(async () => {
      this.#signal.throwIfAborted()
      apply({ type: 'seeding', item: at })
      this.#source = await this.#options.source(this.#signal)
      this.#signal.throwIfAborted()
      const wish = want(item.identity, this.#source)
      const release = () => wish.release()
      this.#signal.addEventListener('abort', release, { once: true })
      this.#wish = wish
      void wish.known.then(() => {
        this.#tell(wish.geometry)
        void this.#distribute()
      })
      try {
        await wish.finished
        this.#tell(wish.geometry)
      } finally {
        this.#signal.removeEventListener('abort', release)
        wish.release()
        this.#haveBytes = wish.haveBytes
        this.#wish = undefined
      }
    })
  }

  #tell(geometry: Geometry | undefined): void {
    const { at, apply } = this.#options
    if (geometry !== undefined) {
      apply({ type: 'known', item: at, contentLength: geometry.contentLength })
    }
  }

  #distribute(): Promise<unknown> {
    const { hosts, item } = this.#options
    this.#hosts ??= Promise.all(
      hosts.filter((_, index) => item.hosts[index] === 'w').map((host) => this.#order(host)),
    )
    return this.#hosts
  }

  async #order(host: HostId): Promise<void> {
    const { at, apply, persistence, replace } = this.#options
    try {
      await persistence.attempt(() => this.#place(host), { signal: this.#signal })
      apply({ type: 'fetched', item: at, host })
    } catch (cause) {
      if (this.#signal.aborted) return
      const error = toAppError(cause)
      if (error.detail['gone'] === true && replace(host)) return
      apply({ type: 'order-failed', item: at, host, error: preheatError(error) })
    }
  }

  async #place(host: HostId): Promise<void> {
    const { item, at, orders, jobId, apply } = this.#options
    const order = {
      id: `${jobId}-${item.task.slice(0, 16)}`,
      host,
      task: item.task,
      identity: item.identity,
      source: this.#source ?? { url: item.url },
      signal: this.#signal,
    }
    apply({ type: 'ordered', item: at, host })
    const wasSeeded = this.#isSeeded
    try {
      await orders.place(order)
    } catch (error) {
      if (wasSeeded || toAppError(error).detail['gone'] === true) throw error
      // What went wrong may be the seed's own trouble: a host is not to blame before the seed has it all.
      await this.#seeded.promise
      this.#signal.throwIfAborted()
      await orders.place({ ...order, source: this.#source ?? order.source })
    }
  }
}

/** An error as it is kept and shown. */
export function preheatError({ code, message, hint }: AppError): PreheatError {
  return { code, message: message.slice(0, 2048), ...(hint === undefined ? {} : { hint }) }
}
