import type { EventQueue } from './event-queue.ts'

/** What is under way between a host and the SuperNode, delivered when its time has come. */
export class Post {
  readonly #queue: EventQueue
  readonly #kind: number
  readonly #underWay = new Map<number, () => void>()
  #next = 0

  /** `kind`: of the events that tell of an arrival; `a` is to be given to {@link arrive}. */
  constructor(queue: EventQueue, kind: number) {
    this.#queue = queue
    this.#kind = kind
  }

  send(atMs: number, deliver: () => void): void {
    const key = this.#next++
    this.#underWay.set(key, deliver)
    this.#queue.schedule(atMs, this.#kind, key)
  }

  arrive(key: number): void {
    const deliver = this.#underWay.get(key)
    this.#underWay.delete(key)
    deliver?.()
  }
}
