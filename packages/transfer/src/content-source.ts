import type { Geometry, PieceIndex, TaskId } from '@df/proto'

/** The contents that a piece server serves: a port, so that a seed and a host's engine look alike. */
export interface ContentSource {
  /** The content of a task, leased until `release()`, or undefined when this host neither has nor fetches it. */
  open(task: TaskId): Promise<ServedContent | undefined>
}

export interface ServedContent {
  readonly geometry: Geometry
  readonly generation: string
  /** All of it is here, or comes evenly: no stripe has to wait for another host. */
  readonly isWhole: boolean
  /** Whether the piece is stored and may be served (it has a proof). */
  has(index: PieceIndex): boolean
  /** Whether a piece that is absent may still come; false means it will not. */
  expects(index: PieceIndex): boolean
  proof(index: PieceIndex): Uint8Array | undefined
  /** Fills the buffer with the bytes from `start` on. */
  readInto(buffer: Buffer, start: number): Promise<void>
  onPiece(listener: (index: PieceIndex) => void): () => void
  release(): void
}
