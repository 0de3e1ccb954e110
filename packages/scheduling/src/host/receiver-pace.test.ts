import type { HostId, TaskId } from '@df/proto'
import { describe, expect, it } from 'vitest'
import { ReceiverPace, type SlowReceiver, type Stream } from './receiver-pace.ts'

const host = (n: number) => n.toString(16).padStart(32, '0') as HostId
const task = 'a'.repeat(64) as TaskId

interface Receiver extends Partial<Stream> {
  /** Milliseconds from one piece to the next. */
  everyMs: number
  /** It asks for pieces that are not here yet. */
  isHungry?: boolean
  fromMs?: number
}

/** Sends pieces to these for so long, and tells who was called slow. */
function run(receivers: readonly Receiver[], lastsMs = 4000): SlowReceiver[] {
  const pace = new ReceiverPace()
  const found: SlowReceiver[] = []
  for (let now = 0; now <= lastsMs; now += 5) {
    for (const [at, { everyMs, isHungry = false, fromMs = 0, ...own }] of receivers.entries()) {
      if (now < fromMs || now % everyMs !== 0) continue
      const stream: Stream = { task, stripe: 0, isWhole: false, receiver: host(at), ...own }
      pace.asked(stream, !isHungry, now)
      pace.sent(stream, now)
    }
    if (now % 100 === 0) found.push(...pace.slow(now))
  }
  return found
}

const current = { everyMs: 20, isHungry: true }

describe('a receiver', () => {
  it('that takes half of what the others do, though all that it asks for is here, is slow', () => {
    const [first, ...others] = run([current, current, { everyMs: 40 }])
    expect(first).toMatchObject({ receiver: host(2), task, stripe: 0 })
    expect(first?.share).toBeCloseTo(0.5, 1)
    for (const { receiver } of others) expect(receiver).toBe(host(2))
  })

  it('that asks for pieces which are not here takes all there is: it gets others elsewhere', () => {
    expect(run([current, { everyMs: 40, isHungry: true }])).toEqual([])
  })

  it('that comes late takes more than the others', () => {
    expect(run([current, current, { everyMs: 15, fromMs: 500 }])).toEqual([])
  })

  it('is not slow when all are', () => {
    expect(run([{ everyMs: 100 }, { everyMs: 100 }])).toEqual([])
  })

  it('is compared when the fastest got enough pieces, unless that takes too long', () => {
    expect(run([{ everyMs: 200 }, { everyMs: 400 }], 15_000)).toHaveLength(1)
    expect(run([{ everyMs: 500 }, { everyMs: 1000 }], 30_000)).toEqual([])
  })

  it('of another stripe is no measure for it, unless the sender has the whole content', () => {
    const slow = { everyMs: 40, stripe: 1 }
    expect(run([current, slow])).toEqual([])
    const found = run([
      { ...current, isWhole: true },
      { ...slow, isWhole: true },
    ])
    expect(found[0]).toMatchObject({ receiver: host(1), stripe: 1 })
  })
})
