import { decodeSupernodeFrame, type SupernodeMessage, type TaskId } from '@df/proto'
import { describe, expect, it } from 'vitest'
import { MAX_UNREAD_BYTES, Outbox } from './outbox.ts'

const task = '0'.repeat(64) as TaskId
const message = (bytes: number): SupernodeMessage => ({ type: 'seeding', task, bytes })
const turn = () => new Promise((resolve) => setImmediate(resolve))

function makeOutbox() {
  const frames: string[] = []
  const socket = { bufferedAmount: 0, send: (frame: string) => frames.push(frame) }
  let slow = 0
  const outbox = new Outbox(socket, () => slow++)
  return { outbox, frames, socket, slow: () => slow }
}

describe('an outbox', () => {
  it('puts the messages of one turn into one frame, in order', async () => {
    const { outbox, frames } = makeOutbox()
    for (let at = 0; at < 10; at++) outbox.push(message(at))
    await turn()
    outbox.push(message(10))
    await turn()
    expect(frames.map((frame) => decodeSupernodeFrame(frame).length)).toEqual([10, 1])
    expect(frames.flatMap((frame) => decodeSupernodeFrame(frame))).toEqual(
      Array.from({ length: 11 }, (_, at) => message(at)),
    )
  })

  it('spreads many messages over frames of bounded size', async () => {
    const { outbox, frames } = makeOutbox()
    for (let at = 0; at < 1000; at++) outbox.push(message(at))
    await turn()
    expect(frames.map((frame) => decodeSupernodeFrame(frame).length)).toEqual([256, 256, 256, 232])
  })

  it('gives a host up that does not read, and sends it no more', async () => {
    const { outbox, frames, socket, slow } = makeOutbox()
    socket.bufferedAmount = MAX_UNREAD_BYTES + 1
    for (let at = 0; at < 1000; at++) outbox.push(message(at))
    await turn()
    outbox.push(message(0))
    await turn()
    expect(frames).toHaveLength(1)
    expect(slow()).toBe(1)
  })
})
