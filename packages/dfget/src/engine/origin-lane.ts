import { type AppError, type PieceIndex, toAppError } from '@df/proto'
import { OriginRescue, type OriginRescueOptions } from './origin-rescue.ts'

/** A failed origin is tried again after this, as long as a swarm keeps the task alive. */
const AGAIN_MS = 2000

/** A task's turns to its origin: at most one at a time, and what came of the last. */
export class OriginLane {
  readonly #options: OriginRescueOptions
  readonly #now: () => number
  #rescue: OriginRescue | undefined
  #error: AppError | undefined
  #failedAtMs = 0

  constructor(options: OriginRescueOptions, now: () => number) {
    this.#options = options
    this.#now = now
  }

  /** Why the last turn failed. */
  get error(): AppError | undefined {
    return this.#error
  }

  state(swarm: 'joined' | 'away'): 'idle' | 'reading' | 'failed' {
    if (this.#rescue !== undefined) return 'reading'
    const isForgiven = swarm === 'joined' && this.#now() - this.#failedAtMs > AGAIN_MS
    return this.#error === undefined || isForgiven ? 'idle' : 'failed'
  }

  /** Reads from piece `from` on; gives the error it ended with. Never rejects. */
  async read(from: PieceIndex): Promise<AppError | undefined> {
    const rescue = new OriginRescue(this.#options)
    this.#rescue = rescue
    this.#error = undefined
    try {
      await rescue.run(from)
    } catch (error) {
      this.#error = toAppError(error)
      this.#failedAtMs = this.#now()
    } finally {
      this.#rescue = undefined
    }
    return this.#error
  }

  stop(): void {
    this.#rescue?.stop()
  }
}
