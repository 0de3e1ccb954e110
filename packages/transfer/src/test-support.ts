import { createHash, randomBytes } from 'node:crypto'
import { type SigningKey, signPieces } from '@df/codec'
import { type Geometry, pieceCount, pieceSpan, type TaskId } from '@df/proto'
import type { ContentSource, ServedContent } from './content-source.ts'

/** A content in memory for tests, whose pieces appear one by one. */
export class TestContent implements ServedContent {
  readonly generation = ''
  readonly isWhole = true
  readonly bytes: Buffer
  readonly geometry: Geometry
  readonly stored = new Set<number>()
  expected = true
  readonly #listeners = new Set<(index: number) => void>()
  readonly #proofs: Buffer[]

  constructor(options: { task: TaskId; key: SigningKey; geometry: Geometry }) {
    const { geometry } = options
    this.geometry = geometry
    this.bytes = randomBytes(geometry.contentLength)
    const hashes = Array.from({ length: pieceCount(geometry) }, (_, index) => {
      const { start, end } = pieceSpan(geometry, index)
      return createHash('sha256').update(this.bytes.subarray(start, end)).digest()
    })
    const subject = { task: options.task, generation: '', geometry }
    this.#proofs = signPieces(options.key, subject, 0, hashes)
  }

  store(...indexes: number[]): void {
    for (const index of indexes) {
      this.stored.add(index)
      for (const listener of this.#listeners) listener(index)
    }
  }

  has(index: number): boolean {
    return this.stored.has(index)
  }

  expects(): boolean {
    return this.expected
  }

  proof(index: number): Buffer | undefined {
    return this.#proofs[index]
  }

  async readInto(buffer: Buffer, start: number): Promise<void> {
    this.bytes.copy(buffer, 0, start, start + buffer.length)
  }

  onPiece(listener: (index: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  release(): void {}
}

export function sourceOf(contents: ReadonlyMap<TaskId, ServedContent>): ContentSource {
  return { open: async (task) => contents.get(task) }
}
