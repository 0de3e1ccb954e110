import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { wakingTimeout } from './waking-timeout.ts'

test('it aborts after the time', async () => {
  using timeout = wakingTimeout(100)
  await sleep(40)
  expect(timeout.signal.aborted).toBe(false)
  await sleep(400)
  expect(timeout.signal.aborted).toBe(true)
  expect(timeout.signal.reason).toMatchObject({ name: 'TimeoutError' })
})

test('time in which this process was kept from its turn does not count', async () => {
  using timeout = wakingTimeout(200)
  const until = performance.now() + 400
  while (performance.now() < until); // as a busy host would keep us
  await sleep(20)
  expect(timeout.signal.aborted).toBe(false)
})
