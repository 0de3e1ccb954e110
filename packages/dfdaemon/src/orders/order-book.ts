import { taskIdOf } from '@df/codec'
import type { Engine, Order, OrderAnswer, OrderTaker } from '@df/dfget'
import type { Logger } from '@df/kit'
import { AppError, type Labels, type TaskId, toAppError } from '@df/proto'

export interface OrderBookOptions {
  labels: Labels
  /** Contents fetched at once; others wait for their turn. */
  parallel: number
  engine: Pick<Engine, 'open'>
  logger: Logger
  onEnded(outcome: OrderOutcome): void
}

/** `forgotten`: the SuperNode no longer wanted it. */
export type OrderOutcome = 'complete' | 'failed' | 'forgotten'

type Fetch = Extract<Order, { type: 'fetch' }>
type Answer = (answer: OrderAnswer) => void

/** A content that is wanted, and by which orders; each with the answer of the session it came on last. */
interface Wanted {
  fetch: Fetch
  answers: Map<string, Answer>
  /** Aborts when no order wants it any more. */
  end: AbortController
}

const MAX_MESSAGE_CHARS = 2048

/**
 * Carries out what SuperNodes order: fetches contents from the swarm, in the order in which they came and a few at a
 * time, and keeps them as any content is kept. Nothing is remembered over a restart: SuperNodes order again.
 */
export class OrderBook implements OrderTaker {
  readonly labels: Labels
  readonly #options: OrderBookOptions
  readonly #wanted = new Map<TaskId, Wanted>()
  readonly #waiting = new Set<Wanted>()
  #running = 0

  constructor(options: OrderBookOptions) {
    this.labels = options.labels
    this.#options = options
  }

  receive(order: Order, answer: Answer): void {
    if (order.type === 'fetch') this.#fetch(order, answer)
    else this.#forget(order.task, order.order)
  }

  /** Gives all orders up, unanswered. */
  stop(): void {
    for (const wanted of this.#wanted.values()) this.#giveUp(wanted)
  }

  #fetch(fetch: Fetch, answer: Answer): void {
    const known = this.#wanted.get(fetch.task)
    if (known !== undefined) {
      known.answers.set(fetch.order, answer)
      return
    }
    const wanted: Wanted = {
      fetch,
      answers: new Map([[fetch.order, answer]]),
      end: new AbortController(),
    }
    this.#wanted.set(fetch.task, wanted)
    this.#waiting.add(wanted)
    this.#pump()
  }

  #forget(task: TaskId, order: string): void {
    const wanted = this.#wanted.get(task)
    if (wanted?.answers.delete(order) !== true || wanted.answers.size > 0) return
    this.#giveUp(wanted)
    this.#options.onEnded('forgotten')
  }

  #giveUp(wanted: Wanted): void {
    this.#wanted.delete(wanted.fetch.task)
    this.#waiting.delete(wanted)
    wanted.end.abort(new AppError('TASK_DELETED', 'the order was forgotten'))
  }

  #pump(): void {
    for (const wanted of this.#waiting) {
      if (this.#running >= this.#options.parallel) return
      this.#waiting.delete(wanted)
      this.#running++
      void this.#carryOut(wanted).finally(() => {
        this.#running--
        this.#pump()
      })
    }
  }

  async #carryOut(wanted: Wanted): Promise<void> {
    const { task } = wanted.fetch
    try {
      await this.#fetched(wanted)
      this.#ended(wanted, { state: 'complete' })
    } catch (thrown) {
      const error = toAppError(thrown)
      if (!wanted.end.signal.aborted) {
        this.#options.logger.warn({ taskId: task, err: error }, 'an order failed')
      }
      const message = error.message.slice(0, MAX_MESSAGE_CHARS)
      this.#ended(wanted, { state: 'failed', code: error.code, message })
    }
  }

  /** Nobody reads it here, so that none of its pieces goes before those that somebody waits for. */
  async #fetched({ fetch, end: { signal } }: Wanted): Promise<void> {
    const { task, identity, source } = fetch
    if (taskIdOf(identity) !== task) {
      throw new AppError('REQUEST_INVALID', 'the order names another task than its content')
    }
    const open = await this.#options.engine.open({ identity, source, pattern: 'swarm', signal })
    const close = () => open.close()
    signal.addEventListener('abort', close, { once: true })
    try {
      await open.finished
    } finally {
      signal.removeEventListener('abort', close)
      close()
    }
  }

  #ended(wanted: Wanted, result: Pick<OrderAnswer, 'state' | 'code' | 'message'>): void {
    const { task } = wanted.fetch
    if (this.#wanted.get(task) !== wanted) return
    this.#wanted.delete(task)
    this.#options.onEnded(result.state)
    for (const [order, answer] of wanted.answers) answer({ task, order, ...result })
  }
}
