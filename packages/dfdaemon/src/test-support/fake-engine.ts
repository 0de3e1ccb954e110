import { taskIdOf } from '@df/codec'
import type { Engine, OpenRequest, OpenTask, TaskSnapshot } from '@df/dfget'
import { AppError, type TaskId } from '@df/proto'

/** How the engine behaves for every task; changed by tests while it runs. */
export interface Behaviour {
  /** Opening fails so. */
  openError?: AppError
  /** Opening ends only with the signal. */
  openHangs?: boolean
  /** Reading fails so once so many bytes of the content were given. */
  failAt?: number
  failWith?: AppError
  /** Reading stands still once so many bytes of the content were given, whatever the signal says. */
  hangAt?: number
  chunkBytes?: number
  /** State of the origin that contents are said to be of. */
  generation?: string
}

/** An engine without swarm: contents are what a test put in. */
export class FakeEngine implements Engine {
  behaviour: Behaviour = {}
  readonly opened: OpenRequest[] = []
  readonly forgotten: TaskId[] = []
  limits: { downBps?: number; upBps?: number } = {}
  connected = true
  openHandles = 0
  /** Bytes handed out so far, all readers together. */
  readBytes = 0
  readonly #contents = new Map<TaskId, Buffer>()
  readonly #snapshots = new Map<TaskId, TaskSnapshot>()

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  put(identity: OpenRequest['identity'], content: Buffer): TaskId {
    const task = taskIdOf(identity)
    this.#contents.set(task, content)
    return task
  }

  async open(request: OpenRequest): Promise<OpenTask> {
    this.opened.push(request)
    const { openError, openHangs } = this.behaviour
    if (openHangs) await untilAborted(request.signal)
    if (openError !== undefined) throw openError
    const task = taskIdOf(request.identity)
    const content = this.#contents.get(task)
    if (content === undefined) throw new AppError('BLOB_UNAVAILABLE', 'nobody has it')
    const snapshot: TaskSnapshot = {
      task,
      url: request.source.url,
      digest: request.identity.digest,
      state: 'complete',
      contentLength: content.length,
      haveBytes: content.length,
      received: { peers: content.length, seed: 0, origin: 0 },
      senders: [],
      repeatedPieces: 0,
      repairedPieces: 0,
      durationMs: 2,
      floor: undefined,
      startedAtMs: Date.now(),
      firstByteMs: 1,
      finishedAtMs: Date.now(),
      error: undefined,
    }
    this.#snapshots.set(task, snapshot)
    this.openHandles += 1
    return {
      task,
      contentLength: content.length,
      generation: this.behaviour.generation ?? '',
      read: (range = { start: 0, end: content.length }) => this.#read(content, range),
      finished: Promise.resolve(snapshot),
      snapshot: () => snapshot,
      exportTo: () => Promise.reject(new Error('not in this fake')),
      close: () => {
        this.openHandles -= 1
      },
    }
  }

  tasks(): TaskSnapshot[] {
    return [...this.#snapshots.values()]
  }

  storedSize(task: TaskId): number | undefined {
    return this.#snapshots.get(task)?.contentLength
  }

  async forget(task: TaskId): Promise<boolean> {
    this.forgotten.push(task)
    return this.#snapshots.delete(task)
  }

  sessions(): { supernode: string; connected: boolean }[] {
    return [{ supernode: 'http://supernode.test:8002', connected: this.connected }]
  }

  setLimits(limits: { downBps?: number; upBps?: number }): void {
    this.limits = limits
  }

  async *#read(
    content: Buffer,
    { start, end }: { start: number; end: number },
  ): AsyncGenerator<Buffer, void, undefined> {
    const {
      chunkBytes = 64 * 1024,
      failAt = Infinity,
      failWith,
      hangAt = Infinity,
    } = this.behaviour
    for (let at = start; at < end; ) {
      if (at >= failAt) throw failWith ?? new AppError('STORAGE_FAILED', 'the disk is gone')
      if (at >= hangAt) await new Promise(() => {})
      const next = Math.min(end, at + chunkBytes, ...[failAt, hangAt].filter((stop) => stop > at))
      yield content.subarray(at, next)
      this.readBytes += next - at
      at = next
    }
  }
}

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
