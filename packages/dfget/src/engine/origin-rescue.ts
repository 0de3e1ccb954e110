import type { TokenBucket } from '@df/kit'
import { type Geometry, geometryOf, type PieceIndex } from '@df/proto'
import type { Spool, SpoolFile } from '@df/storage'
import { type CutPiece, cutPieces, type OriginClient, type OriginResponse } from '@df/transfer'
import { OriginFetcher } from './origin-fetcher.ts'

export interface OriginRescueOptions {
  origin: OriginClient
  spool: Spool
  limits: readonly TokenBucket[]
  source(): { url: string; headers?: Readonly<Record<string, string>> }
  /** Whether the content's digest names it, so that the origin's validators do not matter. */
  isBlob: boolean
  has(index: PieceIndex): boolean
  geometry(): Geometry | undefined
  /** Fixes geometry and generation. @throws AppError CONTENT_CHANGED */
  adopt(geometry: Geometry, generation: string | undefined): Promise<void>
  accept(piece: CutPiece): Promise<void>
  onBytes(): void
  goOn(): boolean
  alone(): boolean
}

/** One turn to the origin: what lacks is read from it, whether it tells its length or not. */
export class OriginRescue {
  readonly #options: OriginRescueOptions
  readonly #fetcher: OriginFetcher

  constructor(options: OriginRescueOptions) {
    this.#options = options
    this.#fetcher = new OriginFetcher({
      ...options,
      onAnswer: (response) => this.#answered(response),
    })
  }

  /** @throws AppError ORIGIN_*, DISK_FULL, STORAGE_FAILED, CONTENT_CHANGED */
  run(from: PieceIndex): Promise<void> {
    return this.#fetcher.run(from)
  }

  stop(): void {
    this.#fetcher.stop()
  }

  async #answered(response: OriginResponse): Promise<void> {
    const generation = this.#options.isBlob ? undefined : response.generation
    if (response.totalLength !== undefined) {
      await this.#options.adopt(geometryOf(response.totalLength), generation)
    } else if (this.#options.geometry() === undefined) {
      await this.#spoolBody(response, generation)
    }
  }

  /** The length is unknown: the content is counted aside before it is cut into pieces. */
  async #spoolBody(response: OriginResponse, generation: string | undefined): Promise<void> {
    const file = await this.#options.spool.create()
    try {
      for await (const chunk of response.body) {
        this.#options.onBytes()
        for (const limit of this.#options.limits) await limit.take(chunk.length)
        await file.append(chunk)
      }
      const geometry = geometryOf(file.sizeBytes)
      await this.#options.adopt(geometry, generation)
      for await (const piece of cutPieces(chunksOf(file, geometry), geometry, 0)) {
        await this.#options.accept(piece)
      }
    } finally {
      await file.discard()
    }
  }
}

async function* chunksOf(
  file: SpoolFile,
  { contentLength, pieceSize }: Geometry,
): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < contentLength; at += pieceSize) {
    yield await file.read(at, Math.min(at + pieceSize, contentLength))
  }
}
