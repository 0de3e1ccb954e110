import { setTimeout as sleep } from 'node:timers/promises'
import {
  AppError,
  type BytesBySource,
  type HostTask,
  type TaskEfficiency,
  type TaskId,
} from '@df/proto'
import type { DaemonClient } from './daemon-client.ts'

/** How often a daemon at work is asked whether it lives, and for its figures. */
const LOOK_EVERY_MS = 1000
/** So many looks in a row without an answer mean that it hangs. */
const MISSES_ALLOWED = 2

/** For so long a task may end after its last byte was read, and still be told of. */
const ASK_AGAIN_MS = 20
const MAX_ASKED = 25

/** Keeps an eye on a daemon while it works for us: its figures, and whether it still lives. */
export class DaemonWatch {
  /** Aborts when the daemon hangs, and when the signal given does. */
  readonly signal: AbortSignal
  readonly #client: DaemonClient
  readonly #outer: AbortSignal
  readonly #hangs = new AbortController()
  readonly #startedAtMs: number
  #timer: NodeJS.Timeout | undefined
  #misses = 0
  #received: BytesBySource | undefined
  #before: BytesBySource | undefined

  constructor(client: DaemonClient, signal: AbortSignal) {
    this.#client = client
    this.#outer = signal
    this.#startedAtMs = Date.now()
    this.signal = AbortSignal.any([signal, this.#hangs.signal])
    this.#timer = setInterval(() => void this.#checkAlive(), LOOK_EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Bytes that the daemon received for the task since the watch began, as last asked; undefined when it did not tell. */
  get received(): BytesBySource | undefined {
    return this.#received
  }

  /** Asks for the figures of the task; gives what the daemon says of it if it began it for us. */
  async askFigures(task: TaskId): Promise<HostTask | undefined> {
    const found = await this.#client.task(task, this.signal).catch(() => undefined)
    if (found === undefined) return undefined
    // A task that is older than our request received some of its bytes for others.
    const isOurs = Date.parse(found.startedAt) >= this.#startedAtMs
    this.#before ??= isOurs ? { peers: 0, seed: 0, origin: 0 } : found.received
    this.#received = {
      peers: found.received.peers - this.#before.peers,
      seed: found.received.seed - this.#before.seed,
      origin: found.received.origin - this.#before.origin,
    }
    return isOurs ? found : undefined
  }

  /** How well a task went that the daemon began for us; its last piece may still be on its way to the disk. */
  async askEfficiency(task: TaskId): Promise<TaskEfficiency | undefined> {
    for (let asked = 0; asked < MAX_ASKED; asked++) {
      const found = await this.askFigures(task)
      if (found?.state !== 'fetching') return found?.efficiency
      await sleep(ASK_AGAIN_MS)
    }
    return undefined
  }

  async #checkAlive(): Promise<void> {
    const alive = await this.#client.isAlive(this.#outer).catch(() => true)
    this.#misses = alive ? 0 : this.#misses + 1
    if (this.#misses > MISSES_ALLOWED) {
      this.#hangs.abort(new AppError('PARENT_FAILED', 'the dfdaemon does not answer any more'))
    }
  }
}
