import type { OpenRequest } from './engine.ts'

/**
 * Who has a download open, and with which source. Patient readers opened it with the pattern `swarm`: they wait for
 * the swarm however long that takes, and their source counts only where there is no other.
 */
export class Readers {
  readonly #now: () => number
  #source: OpenRequest['source']
  #waiting = 0
  #patient = 0
  #noneSinceMs: number

  constructor(source: OpenRequest['source'], now: () => number) {
    this.#source = source
    this.#now = now
    this.#noneSinceMs = now()
  }

  /** Of the newest of those who wait. */
  get source(): OpenRequest['source'] {
    return this.#source
  }

  /** Nobody but patient ones. */
  get arePatient(): boolean {
    return this.#patient > 0 && this.#waiting === 0
  }

  get areThere(): boolean {
    return this.#waiting + this.#patient > 0
  }

  /** How long there were none; 0 while there are. */
  get noneForMs(): number {
    return this.areThere ? 0 : this.#now() - this.#noneSinceMs
  }

  /** Its credentials, being newer, replace those before. */
  add({ source, pattern }: OpenRequest): void {
    if (pattern === 'swarm') {
      this.#patient++
      return
    }
    this.#waiting++
    this.#source = source
  }

  remove({ pattern }: OpenRequest): void {
    if (pattern === 'swarm') this.#patient--
    else this.#waiting--
    this.#noneSinceMs = this.#now()
  }
}
