import { encodeFrame, type SupernodeMessage } from '@df/proto'

/** Messages in one frame at most; keeps frames far below MAX_FRAME_BYTES. */
const MAX_PER_FRAME = 256
/** A host that leaves more than this unread is cut off, in bytes. */
export const MAX_UNREAD_BYTES = 16 * 1024 * 1024

export interface OutboxSocket {
  /** Bytes given to the socket that the host has not taken yet. */
  readonly bufferedAmount: number
  send(frame: string): void
}

/** Gathers the messages of one turn of the event loop into few frames. */
export class Outbox {
  readonly #socket: OutboxSocket
  readonly #onSlow: () => void
  #queue: SupernodeMessage[] = []
  #closed = false

  constructor(socket: OutboxSocket, onSlow: () => void) {
    this.#socket = socket
    this.#onSlow = onSlow
  }

  push(message: SupernodeMessage): void {
    if (this.#closed) return
    if (this.#queue.length === 0) setImmediate(() => this.flush())
    this.#queue.push(message)
  }

  flush(): void {
    const queue = this.#queue
    this.#queue = []
    for (let at = 0; at < queue.length && !this.#closed; at += MAX_PER_FRAME) {
      this.#socket.send(encodeFrame(queue.slice(at, at + MAX_PER_FRAME)))
      if (this.#socket.bufferedAmount > MAX_UNREAD_BYTES) {
        this.#closed = true
        this.#onSlow()
      }
    }
  }

  close(): void {
    this.#closed = true
    this.#queue = []
  }
}
