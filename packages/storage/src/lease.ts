import type { PieceIndex } from '@df/proto'
import type { ContentMeta, PieceRecord, StoredContent } from './content-store.ts'
import { misuse } from './storage-error.ts'

/** What all holders share. */
type LeasedContent = Omit<StoredContent, 'release'>

/** One holder's view of a content that it shares with others. */
export class Lease implements StoredContent {
  readonly meta: ContentMeta
  readonly #content: LeasedContent
  readonly #onRelease: () => void
  readonly #stopListening = new Set<() => void>()
  #released = false

  constructor(content: LeasedContent, onRelease: () => void) {
    this.meta = content.meta
    this.#content = content
    this.#onRelease = onRelease
  }

  get havePieces(): number {
    return this.#content.havePieces
  }

  get complete(): boolean {
    return this.#content.complete
  }

  get verified(): boolean {
    return this.#content.verified
  }

  has(index: PieceIndex): boolean {
    return this.#content.has(index)
  }

  bits(): Uint8Array {
    return this.#content.bits()
  }

  proof(index: PieceIndex): Uint8Array | undefined {
    return this.#content.proof(index)
  }

  async writePiece(index: PieceIndex, data: Uint8Array, record: PieceRecord): Promise<void> {
    await this.#held().writePiece(index, data, record)
  }

  async read(start: number, end: number): Promise<Buffer> {
    return await this.#held().read(start, end)
  }

  async recorded(): Promise<void> {
    await this.#held().recorded()
  }

  async readInto(buffer: Buffer, start: number): Promise<void> {
    await this.#held().readInto(buffer, start)
  }

  async markVerified(): Promise<void> {
    await this.#held().markVerified()
  }

  async discard(indexes: Iterable<PieceIndex>): Promise<void> {
    await this.#held().discard(indexes)
  }

  async recheck(): Promise<number> {
    return await this.#held().recheck()
  }

  async linkTo(path: string): Promise<void> {
    await this.#held().linkTo(path)
  }

  onPiece(listener: (index: PieceIndex) => void): () => void {
    const stop = this.#held().onPiece(listener)
    this.#stopListening.add(stop)
    return () => {
      this.#stopListening.delete(stop)
      stop()
    }
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    for (const stop of this.#stopListening) stop()
    this.#onRelease()
  }

  #held(): LeasedContent {
    if (this.#released) throw misuse('the content was released')
    return this.#content
  }
}
