import { expect, test } from 'vitest'
import { type Startable, startAll, stopAll, together } from './lifecycle.ts'

function recorder() {
  const events: string[] = []
  const part = (name: string, faults: { start?: Error; stop?: Error } = {}): Startable => ({
    async start() {
      events.push(`start ${name}`)
      if (faults.start) throw faults.start
    },
    async stop() {
      events.push(`stop ${name}`)
      if (faults.stop) throw faults.stop
    },
  })
  return { events, part }
}

test('parts start in order and stop in reverse', async () => {
  const { events, part } = recorder()
  const parts = [part('a'), part('b')]
  await startAll(parts)
  await stopAll(parts)
  expect(events).toEqual(['start a', 'start b', 'stop b', 'stop a'])
})

test('a part that fails to start is stopped with those before it, and its error is thrown', async () => {
  const { events, part } = recorder()
  const reason = new Error('no')
  const parts = [part('a', { stop: new Error('later') }), part('b', { start: reason }), part('c')]
  await expect(startAll(parts)).rejects.toBe(reason)
  expect(events).toEqual(['start a', 'start b', 'stop b', 'stop a'])
})

test('every part is stopped even when one fails, and the first error is thrown', async () => {
  const { events, part } = recorder()
  const first = new Error('first')
  await expect(
    stopAll([part('a'), part('b', { stop: new Error('second') }), part('c', { stop: first })]),
  ).rejects.toBe(first)
  expect(events).toEqual(['stop c', 'stop b', 'stop a'])
})

test('parts put together start in order and stop at once, and one failure hides no other stop', async () => {
  const { events, part } = recorder()
  const slow: Startable = {
    start: async () => undefined,
    async stop() {
      events.push('slow begins')
      await new Promise((resolve) => setTimeout(resolve, 20))
      events.push('slow ends')
    },
  }
  const reason = new Error('no')
  const both = together([slow, part('a', { stop: reason }), part('b')])
  await both.start()
  await expect(both.stop()).rejects.toBe(reason)
  expect(events).toEqual(['start a', 'start b', 'slow begins', 'stop a', 'stop b', 'slow ends'])
})
