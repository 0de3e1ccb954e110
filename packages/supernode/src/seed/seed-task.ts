import { AppError, isAppError, type TaskId, type TaskIdentity, toAppError } from '@df/proto'
import type { StoredContent } from '@df/storage'
import type { GenerationBook } from './generation-book.ts'
import type { KeyedSource } from './keyed-source.ts'
import { type ReadingSetup, readContent } from './read-content.ts'
import { createSourceReader, type SourceReaderOptions } from './source-reader.ts'

/** How often a content that changes while it is read is started over. */
const MAX_RESTARTS = 3
/** How many joiners' sources are tried in one go. */
const MAX_SOURCES = 8

export interface SeedEvents {
  /** The content is known and can be served; called again when it had to be started over. */
  content(content: StoredContent): void
  /** The origin refused this source: what it said goes to those who named it. */
  refused(sourceKey: string, error: AppError): void
  /** It ended without the content. `told`: what those hear who were not refused before. */
  failed(reason: AppError, told: AppError): void
  complete(): void
  bytes(count: number): void
}

/** What a swarm gives to its seed. */
export interface StartSeed {
  events: SeedEvents
  /** What a host saw at the origin just now. */
  confirmedGeneration: string | undefined
  /** A source of those who want the task now, or undefined when none of them is acceptable. */
  nextSource(acceptable: (source: KeyedSource) => boolean): KeyedSource | undefined
}

export interface SeedTaskOptions extends StartSeed {
  task: TaskId
  identity: TaskIdentity
  setup: ReadingSetup
  generations: GenerationBook
  origin: SourceReaderOptions
}

/**
 * The one reader of a task's origin, however many hosts want it. Reads with the source of one of them; when
 * the origin refuses that, with another's. Holds the content until `release()`.
 */
export class SeedTask {
  readonly #options: SeedTaskOptions
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>
  #content: StoredContent | undefined
  #reading = true

  constructor(options: SeedTaskOptions) {
    this.#options = options
    this.#ended = Promise.resolve()
      .then(() => this.#run())
      .finally(() => {
        this.#reading = false
        if (this.#stop.signal.aborted) this.#hold(undefined)
      })
  }

  get reading(): boolean {
    return this.#reading
  }

  get content(): StoredContent | undefined {
    return this.#content
  }

  /** Stops reading, if it still does, and gives the content back. */
  async release(): Promise<void> {
    this.#stop.abort(new AppError('TASK_DELETED', 'nobody wants the task any more'))
    if (!this.#reading) this.#hold(undefined)
    await this.#ended
  }

  async #run(): Promise<void> {
    const { events, nextSource } = this.#options
    const refusedKeys = new Set<string>()
    const brokenHosts = new Set<string>()
    let last: AppError | undefined
    try {
      for (let tries = 0; tries < MAX_SOURCES; tries++) {
        const source = nextSource(
          ({ key, host }) => !refusedKeys.has(key) && !brokenHosts.has(host),
        )
        if (source === undefined) break
        try {
          await this.#readFrom(source)
          this.#reading = false
          if (!this.#stop.signal.aborted) events.complete()
          return
        } catch (cause) {
          last = toAppError(cause)
          if (this.#stop.signal.aborted) return
          if (!isOriginsFault(last)) break
          refusedKeys.add(source.key)
          if (!isAboutRights(last)) brokenHosts.add(source.host)
          events.refused(source.key, last)
        }
      }
      this.#reading = false
      const reason = last ?? new AppError('INTERNAL', 'nobody named a source')
      events.failed(reason, forTheOthers(reason))
    } catch (cause) {
      this.#reading = false
      const error = toAppError(cause)
      if (!this.#stop.signal.aborted) events.failed(error, error)
    }
  }

  async #readFrom(source: KeyedSource): Promise<void> {
    const { task, identity, setup, generations, origin, events } = this.#options
    const reader = createSourceReader(source.source, origin)
    let confirmedGeneration = this.#options.confirmedGeneration
    let mayReadAgain = true
    for (let restarts = 0; ; restarts++) {
      try {
        return await readContent(setup, {
          task,
          identity,
          source: source.source,
          reader,
          confirmedGeneration,
          blobGeneration: generations.of(task),
          signal: this.#stop.signal,
          onContent: (content) => {
            this.#hold(content)
            if (!this.#stop.signal.aborted) events.content(content)
          },
          onBytes: (count) => events.bytes(count),
        })
      } catch (error) {
        this.#stop.signal.throwIfAborted()
        confirmedGeneration = undefined
        const wrong = isAppError(error, 'CONTENT_DIGEST_MISMATCH')
        const again = wrong ? mayReadAgain : isAppError(error, 'CONTENT_CHANGED')
        if (wrong) {
          mayReadAgain = false
          generations.renew(task)
        }
        if (!again || restarts >= MAX_RESTARTS) throw error
      }
    }
  }

  #hold(content: StoredContent | undefined): void {
    this.#content?.release()
    this.#content = content
  }
}

function isOriginsFault({ code }: AppError): boolean {
  return code.startsWith('ORIGIN_') || code === 'RANGE_INVALID'
}

function isAboutRights({ code }: AppError): boolean {
  return (
    code === 'ORIGIN_UNAUTHORIZED' || code === 'ORIGIN_FORBIDDEN' || code === 'ORIGIN_NOT_FOUND'
  )
}

/** What those hear whose own source was not tried: nobody else's refusal. */
function forTheOthers(reason: AppError): AppError {
  if (!isAboutRights(reason)) return reason
  return new AppError(
    'BLOB_UNAVAILABLE',
    'the SuperNode could not read the content with the sources it was given',
  )
}
