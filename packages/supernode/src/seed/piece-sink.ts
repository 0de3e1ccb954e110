import { MAX_PROOF_GROUP, type ProofSubject, type SigningKey, signPieces } from '@df/codec'
import type { PieceIndex } from '@df/proto'
import type { StoredContent } from '@df/storage'

export interface HashedPiece {
  index: PieceIndex
  data: Uint8Array
  /** 32 bytes. */
  sha256: Uint8Array
}

interface Waiting {
  piece: HashedPiece
  resolve: () => void
  reject: (error: unknown) => void
}

/** Signs and stores pieces; those handed in during one turn of the event loop share signatures where they are neighbours. */
export class PieceSink {
  readonly #content: StoredContent
  readonly #key: SigningKey
  readonly #subject: ProofSubject
  readonly #onPiece: ((piece: HashedPiece) => void) | undefined
  #waiting: Waiting[] = []

  /** `onPiece` sees each piece right before it is stored. */
  constructor(
    content: StoredContent,
    key: SigningKey,
    onPiece: ((piece: HashedPiece) => void) | undefined,
  ) {
    this.#onPiece = onPiece
    this.#content = content
    this.#key = key
    const { task, generation, geometry } = content.meta
    this.#subject = { task, generation, geometry }
  }

  /**
   * Resolves when the piece is stored; its buffer may be used again then.
   * @throws AppError DISK_FULL, STORAGE_FAILED
   */
  put(piece: HashedPiece): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush())
      this.#waiting.push({ piece, resolve, reject })
    })
  }

  #flush(): void {
    const waiting = this.#waiting.toSorted((a, b) => a.piece.index - b.piece.index)
    this.#waiting = []
    for (const group of neighbours(waiting)) {
      const sha256s = group.map(({ piece }) => piece.sha256)
      const first = group[0]?.piece.index ?? 0
      const proofs = signPieces(this.#key, this.#subject, first, sha256s)
      group.forEach(({ piece, resolve, reject }, at) => {
        this.#onPiece?.(piece)
        const proof = proofs[at]
        const record =
          proof === undefined ? { sha256: piece.sha256 } : { sha256: piece.sha256, proof }
        this.#content.writePiece(piece.index, piece.data, record).then(resolve, reject)
      })
    }
  }
}

function neighbours(sorted: readonly Waiting[]): Waiting[][] {
  const groups: Waiting[][] = []
  let group: Waiting[] = []
  for (const item of sorted) {
    const last = group.at(-1)
    const follows = last !== undefined && item.piece.index === last.piece.index + 1
    if (!follows || group.length === MAX_PROOF_GROUP) {
      group = []
      groups.push(group)
    }
    group.push(item)
  }
  return groups
}
