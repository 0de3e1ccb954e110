import { readArriving, type StoredContent } from '@df/storage'
import type { Download } from './download.ts'
import type { BufferSource, OpenTask, TaskSnapshot } from './engine.ts'

/** One consumer's hold on a task: a lease on the content, and the download that fills it (none: it is whole). */
export class TaskHandle implements OpenTask {
  readonly task
  readonly contentLength: number
  readonly generation: string
  readonly #content: StoredContent
  readonly #download: Download | undefined
  readonly #onClose: () => void
  #closed = false

  constructor(content: StoredContent, download: Download | undefined, onClose: () => void) {
    this.#content = content
    this.#download = download
    this.#onClose = onClose
    this.task = content.meta.task
    this.contentLength = content.meta.geometry.contentLength
    this.generation = content.meta.generation
  }

  read(
    range: { start: number; end: number } = { start: 0, end: this.contentLength },
    signal?: AbortSignal,
    buffers?: BufferSource,
  ): AsyncIterable<Buffer> {
    const isToTheEnd = range.end === this.contentLength
    const isFilling = this.#download !== undefined && this.#download.state !== 'complete'
    const needsCheck = isFilling && isToTheEnd && this.#content.meta.identity.digest !== undefined
    return readArriving({
      content: this.#content,
      ...range,
      arrivals: isFilling ? this.#download?.waits : undefined,
      checked: needsCheck ? this.#download?.finished : undefined,
      signal,
      buffers,
    })
  }

  get finished(): Promise<TaskSnapshot> {
    return this.#download?.finished ?? Promise.resolve(this.snapshot())
  }

  snapshot(): TaskSnapshot {
    return this.#download?.snapshot() ?? storedSnapshot(this.#content)
  }

  exportTo(path: string): Promise<void> {
    return this.#content.linkTo(path)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#content.release()
    this.#onClose()
  }
}

/** A content that was here, whole, before anybody asked. */
function storedSnapshot({ meta }: StoredContent): TaskSnapshot {
  const now = Date.now()
  return {
    task: meta.task,
    url: meta.url,
    digest: meta.identity.digest,
    state: 'complete',
    contentLength: meta.geometry.contentLength,
    haveBytes: meta.geometry.contentLength,
    received: { peers: 0, seed: 0, origin: 0 },
    senders: [],
    repeatedPieces: 0,
    repairedPieces: 0,
    durationMs: 0,
    floor: undefined,
    startedAtMs: now,
    firstByteMs: undefined,
    finishedAtMs: now,
    error: undefined,
  }
}
