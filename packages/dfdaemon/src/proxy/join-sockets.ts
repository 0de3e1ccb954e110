import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

export interface JoinOptions {
  /** Nothing moves for so long, and both ends are there: closed. */
  idleMs?: number
  /** One side has ended: the other has so long between two pieces of data. */
  halfOpenMs?: number
}

/**
 * Passes the bytes of two sockets to each other, with backpressure, until both are closed. An end is passed on as an end,
 * a broken connection as a broken one, so that nobody takes a part for the whole.
 */
export async function joinSockets(
  one: Socket,
  other: Socket,
  { idleMs = 3_600_000, halfOpenMs = 60_000 }: JoinOptions = {},
): Promise<void> {
  await Promise.all([
    passBytes(one, other, { idleMs, halfOpenMs }),
    passBytes(other, one, { idleMs, halfOpenMs }),
  ])
}

function passBytes(
  from: Socket,
  to: Socket,
  { idleMs, halfOpenMs }: Required<JoinOptions>,
): Promise<void> {
  return new Promise((resolve) => {
    from.setTimeout(idleMs, () => from.destroy(new Error('nothing moved for too long')))
    from.once('end', () => to.setTimeout(halfOpenMs))
    from.on('error', () => breakOff(to)) // the error is the one of the caller's or the origin's network
    from.once('close', () => {
      if (from.readableEnded) to.destroySoon()
      else breakOff(to)
      resolve()
    })
    from.pipe(to)
    // It may have gone before anybody listened.
    if (from.closed) {
      to.destroy()
      resolve()
    }
  })
}

/** So that the other side does not take what it has for all. TLS has an end of its own, which is then missing. */
function breakOff(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy()
  else socket.resetAndDestroy()
}
