import type { HostId } from '@df/proto'
import { expect, it } from 'vitest'
import { Senders } from './senders.ts'

const host = (number: number) => number.toString(16).padStart(32, '0') as HostId

it('names those that sent most, the greatest first', () => {
  const senders = new Senders()
  for (let number = 1; number <= 40; number++) senders.add(host(number), number)
  senders.add(host(3), 100)
  const named = senders.named()
  expect(named).toHaveLength(32)
  expect(named.slice(0, 2)).toEqual([
    { host: host(3), bytes: 103 },
    { host: host(40), bytes: 40 },
  ])
})

it('does not grow with the hosts of a fleet', () => {
  const senders = new Senders()
  for (let number = 1; number <= 1000; number++) senders.add(host(number), number)
  expect(senders.named()[0]).toEqual({ host: host(256), bytes: 256 })
})
