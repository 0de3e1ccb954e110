import { randomBytes } from 'node:crypto'
import type { TaskId } from '@df/proto'

const MAX_REMEMBERED = 10_000

/**
 * Under which generation a blob is read. It is '', until a reading turned out wrong: hosts may still hold
 * signed pieces of that, so later readings get a generation of their own and cannot be mixed with it.
 */
export class GenerationBook {
  readonly #renewed = new Map<TaskId, string>()

  of(task: TaskId): string {
    return this.#renewed.get(task) ?? ''
  }

  renew(task: TaskId): void {
    this.#renewed.delete(task)
    this.#renewed.set(task, randomBytes(12).toString('hex'))
    const [oldest] = this.#renewed.keys()
    if (this.#renewed.size > MAX_REMEMBERED && oldest !== undefined) this.#renewed.delete(oldest)
  }
}
