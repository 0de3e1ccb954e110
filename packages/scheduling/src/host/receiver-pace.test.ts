import type { HostId, TaskId } from '@df/proto'
import { describe, expect, it } from 'vitest'
import { ReceiverPace, type SlowReceiver, type Stream } from './receiver-pace.ts'

const host = (n: number) => n.toString(16).padStart(32, '0') as HostId
const task = 'a'.repeat(64) as TaskId

interface Receiver extends Partial<Stream> {
  /** Milliseconds for a piece, and between two. */
  takesMs: number
  restsMs: number
}

/** Sends pieces to these for a second, and tells who was called slow. */
function run(receivers: readonly Receiver[]): SlowReceiver[] {
  const pace = new ReceiverPace()
  const found: SlowReceiver[] = []
  const streams = receivers.map((receiver, at): Stream & Receiver => ({
    task,
    stripe: 0,
    isWhole: false,
    receiver: host(at),
    ...receiver,
  }))
  for (let now = 0; now <= 1000; now += 5) {
    for (const stream of streams) {
      const phase = now % (stream.takesMs + stream.restsMs)
      if (now > 0 && phase === stream.takesMs % (stream.takesMs + stream.restsMs)) {
        pace.ended(stream, true, now)
      }
      if (phase === 0) pace.started(stream, now)
    }
    if (now % 100 === 0) found.push(...pace.slow(now))
  }
  return found
}

const fast = { takesMs: 10, restsMs: 10 }

describe('a receiver', () => {
  it('that takes half of what the others do, and is being sent to all the time, is slow', () => {
    const [first, ...others] = run([fast, fast, { takesMs: 40, restsMs: 0 }])
    expect(first).toMatchObject({ receiver: host(2), task, stripe: 0 })
    expect(first?.share).toBeCloseTo(0.5, 0)
    for (const { receiver } of others) expect(receiver).toBe(host(2))
  })

  it('that is idle between its pieces gets them elsewhere, or has nothing to get', () => {
    expect(run([fast, fast, { takesMs: 10, restsMs: 30 }])).toEqual([])
  })

  it('is not slow when all are', () => {
    const slow = { takesMs: 100, restsMs: 0 }
    expect(run([slow, slow, slow])).toEqual([])
  })

  it('of another stripe is no measure for it, unless the sender has the whole content', () => {
    const slow = { takesMs: 40, restsMs: 0, stripe: 1 }
    expect(run([fast, slow])).toEqual([])
    const found = run([
      { ...fast, isWhole: true },
      { ...slow, isWhole: true },
    ])
    expect(found[0]).toMatchObject({ receiver: host(1), stripe: 1 })
  })
})
