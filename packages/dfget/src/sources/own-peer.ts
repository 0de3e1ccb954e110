import { untilAborted } from '@df/kit'
import {
  AppError,
  type BytesBySource,
  geometryOf,
  isAppError,
  type TaskEfficiency,
} from '@df/proto'
import type { Engine, OpenRequest, OpenTask } from '../engine/engine.ts'
import { taskEfficiency } from '../engine/task-efficiency.ts'

import {
  createDataDir,
  type DataDir,
  type DownloadAbout,
  describeDownload,
  removeDataDir,
} from './data-dir.ts'
import type { PeerDownload } from './download.ts'

export interface OwnPeerOptions {
  dataDir: DataDir
  /** An engine over a data directory, not started. */
  engineAt(dataDir: string): Promise<Engine>
  request: OpenRequest
  /** For people who meet what an interrupted download left. */
  about: DownloadAbout
  signal: AbortSignal
}

/**
 * Opens a download by a peer that lives as long as the download.
 * @throws AppError DATA_DIR_IN_USE, STORAGE_FAILED, and what {@link Engine.open} throws; the signal's reason
 */
export async function openOwnPeer(options: OwnPeerOptions): Promise<PeerDownload> {
  const { dataDir, request, signal } = options
  await createDataDir(dataDir.path)
  const engine = await options.engineAt(dataDir.path)
  try {
    await engine.start()
  } catch (error) {
    await engine.stop().catch(() => {}) // the first error is the reason
    throw inUse(error, options)
  }
  try {
    await describeDownload(dataDir, options.about)
    return new OwnPeer(dataDir, engine, await engine.open({ ...request, signal }))
  } catch (error) {
    const keep = engine.tasks().some(({ haveBytes }) => haveBytes > 0)
    await engine.stop()
    await settleDataDir(dataDir, keep)
    signal.throwIfAborted()
    throw error
  }
}

class OwnPeer implements PeerDownload {
  readonly via = 'peer'
  readonly contentLength: number
  readonly #dataDir: DataDir
  readonly #engine: Engine
  readonly #task: OpenTask

  constructor(dataDir: DataDir, engine: Engine, task: OpenTask) {
    this.contentLength = task.contentLength
    this.#dataDir = dataDir
    this.#engine = engine
    this.#task = task
  }

  get dataDir(): string {
    return this.#dataDir.path
  }

  read(start: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#task.read({ start, end: this.contentLength }, signal)
  }

  received(): BytesBySource {
    return this.#task.snapshot().received
  }

  /** The bytes are where they belong by now: what goes wrong here is no failure of the download. */
  async efficiency(signal: AbortSignal): Promise<TaskEfficiency | undefined> {
    const ended = await untilAborted(this.#task.finished, signal).catch(() => undefined)
    return ended === undefined ? undefined : taskEfficiency(ended)
  }

  haveBytes(): number {
    return this.#task.snapshot().haveBytes
  }

  /** Reads on from piece to piece meanwhile: the engine turns to the origin when a reader has to wait. */
  async finished(signal: AbortSignal): Promise<void> {
    const { pieceSize } = geometryOf(this.contentLength)
    for (let at = 0; at < this.contentLength; at += pieceSize) {
      await Array.fromAsync(this.#task.read({ start: at, end: at + 1 }, signal))
    }
    await untilAborted(this.#task.finished, signal)
  }

  exportTo(path: string): Promise<void> {
    return this.#task.exportTo(path)
  }

  async close({ resumable }: { resumable: boolean }): Promise<void> {
    const { state, haveBytes } = this.#task.snapshot()
    const keep = resumable && haveBytes > 0
    this.#task.close()
    if (!resumable && state !== 'complete') await this.#engine.forget(this.#task.task)
    await this.#engine.stop()
    await settleDataDir(this.#dataDir, keep)
  }
}

async function settleDataDir({ kind, path }: DataDir, keep: boolean): Promise<void> {
  if (kind === 'once' || (kind === 'resumable' && !keep)) await removeDataDir(path)
}

/** The same command twice at once is the only way to meet somebody in a download's own directory. */
function inUse(error: unknown, { dataDir, about }: OwnPeerOptions): unknown {
  if (!isAppError(error, 'DATA_DIR_IN_USE') || dataDir.kind === 'kept') return error
  return new AppError(
    'DATA_DIR_IN_USE',
    `another dfget fetches this URL to '${about.output}' now`,
    {
      cause: error,
      hint: 'wait for it, or choose another name with -O',
    },
  )
}
