import { taskIdOf } from '@df/codec'
import { type TokenBucket, untilAborted } from '@df/kit'
import type { ContentEngine, ContentRequest, OpenContent } from '@df/oci'
import { AppError, type Digest, type TaskId } from '@df/proto'
import {
  type ContentStore,
  type PieceArrivals,
  readArriving,
  type StoredContent,
} from '@df/storage'
import { confirmGeneration, type OriginClient } from '@df/transfer'
import type { Swarms } from '../swarm/swarms.ts'
import type { Wish } from '../swarm/wish.ts'

export interface SeedEngineOptions {
  swarms: Pick<Swarms, 'want' | 'get' | 'delete'>
  store: Pick<ContentStore, 'open' | 'summary' | 'remove'>
  /** For asking whether a caller may have a content that no digest names. */
  origin: OriginClient
  /** What is sent counts for the same limit as what hosts get. */
  uploads: Pick<TokenBucket, 'take'>
  onSent(task: TaskId, bytes: number): void
}

/** The SuperNode's own copies, given out while the seed reads them: for callers that are no hosts. */
export class SeedEngine implements ContentEngine {
  readonly #options: SeedEngineOptions

  constructor(options: SeedEngineOptions) {
    this.#options = options
  }

  async open({ identity, source, confirm, signal }: ContentRequest): Promise<OpenContent> {
    const { url, headers } = source
    const asked = { url, ...(headers === undefined ? {} : { headers }) }
    const generation =
      confirm === true
        ? await confirmGeneration(this.#options.origin, {
            ...asked,
            ...(signal === undefined ? {} : { signal }),
          })
        : undefined
    const wish = this.#options.swarms.want(identity, asked)
    try {
      await untilAborted(Promise.race([wish.known, wish.finished]), signal)
      const content = await this.#options.store.open(wish.task)
      if (content === undefined) throw new AppError('STORAGE_FAILED', 'the content went again')
      if (generation !== undefined && generation !== content.meta.generation) {
        content.release()
        throw new AppError('CONTENT_CHANGED', 'the origin has another content by now')
      }
      return this.#handle(content, wish)
    } catch (error) {
      wish.release()
      throw error
    }
  }

  storedSize(digest: Digest): number | undefined {
    const stored = this.#options.store.summary(taskIdOf({ kind: 'blob', digest }))
    return stored?.verified === true ? stored.geometry.contentLength : undefined
  }

  /** What the seed has not checked yet, it drops by itself, and reads again for all who want it. */
  async forget(task: TaskId): Promise<void> {
    const { swarms, store } = this.#options
    const content = await store.open(task)
    const isTrusted = content?.verified === true
    content?.release()
    if (!isTrusted) return
    await swarms.delete(task)
    await store.remove(task)
  }

  #handle(content: StoredContent, wish: Wish): OpenContent {
    const { swarms, uploads, onSent } = this.#options
    const { task, geometry } = content.meta
    const startedAtMs = Date.now()
    const readBefore = swarms.get(task)?.originBytes ?? 0
    let isOpen = true
    return {
      task,
      contentLength: geometry.contentLength,
      async *read({ start, end }, signal, buffers) {
        const isUnchecked = !content.verified && end === geometry.contentLength
        const checked = isUnchecked ? checkedContent(content, wish) : undefined
        checked?.catch(() => {}) // awaited before the last bytes only
        const chunks = readArriving({
          content,
          start,
          end,
          arrivals: arrivalsOf(content, wish),
          checked,
          signal,
          buffers,
        })
        for await (const chunk of chunks) {
          await uploads.take(chunk.length, signal)
          onSent(task, chunk.length)
          yield chunk
        }
      },
      snapshot() {
        const readNow = swarms.get(task)?.originBytes ?? readBefore
        return { received: { peers: 0, seed: 0, origin: readNow - readBefore }, startedAtMs }
      },
      close() {
        if (!isOpen) return
        isOpen = false
        content.release()
        wish.release()
      },
    }
  }
}

/** The pieces of a content while the seed reads it for the wish. */
function arrivalsOf(content: StoredContent, wish: Wish): PieceArrivals {
  return {
    async wait(index, signal) {
      const stored = Promise.withResolvers<void>()
      const stop = content.onPiece((arrived) => {
        if (arrived === index) stored.resolve()
      })
      try {
        if (content.has(index)) return
        await untilAborted(Promise.race([stored.promise, wish.finished]), signal)
      } finally {
        stop()
      }
      if (!content.has(index)) throw changed()
    },
  }
}

/** A wish may be fulfilled by another content than the one that was opened. */
async function checkedContent(content: StoredContent, wish: Wish): Promise<void> {
  await wish.finished
  if (!content.verified) throw changed()
}

function changed(): AppError {
  return new AppError('CONTENT_CHANGED', 'the seed started the content over')
}
