import type { HostId } from '@df/proto'
import { beforeEach, expect, it } from 'vitest'
import { newHostId } from '../test-support/host.ts'
import { efficiencyOf } from './efficiency.ts'
import { SwarmLedger } from './ledger.ts'

let now: number
let bytes: { seed: number; origin: number }
let ledger: SwarmLedger
const [one, two, three] = [newHostId(), newHostId(), newHostId()]
const none = { peers: 0, seed: 0, origin: 0 }

beforeEach(() => {
  now = 0
  bytes = { ...none }
  ledger = new SwarmLedger(
    () => now,
    () => ({ ...bytes }),
  )
})

function finish(host: HostId, afterMs: number): void {
  now = afterMs
  ledger.progress(host, { received: { ...none, seed: 1000 } }, true)
}

const rates = (bps?: number) => ({
  seedBps: () => bps,
  of: () => ({ upBps: bps, downBps: bps }),
})

it('takes the time of each host from its join, and rests once when nobody fetches', () => {
  ledger.join(one, false)
  now = 100
  ledger.join(two, false)
  finish(one, 300)
  expect(ledger.rests()).toBe(false)
  finish(two, 500)
  expect(ledger.fetchers.map(([, { finishedAfterMs }]) => finishedAfterMs)).toEqual([300, 400])
  expect([ledger.rests(), ledger.rests()]).toEqual([true, false])
})

it('begins a new wave with the next host that wants it; who has it is a holder then', () => {
  ledger.join(one, false)
  bytes = { seed: 1000, origin: 1000 }
  finish(one, 100)
  ledger.rests()
  ledger.join(two, false)
  bytes.seed += 200
  ledger.join(three, true)
  expect(ledger.fetchers.map(([host]) => host)).toEqual([two])
  expect(ledger.holders.map(([host]) => host)).toEqual([one, three])
  expect(ledger.bytes).toEqual({ seed: 200, origin: 0 })
})

it('does not wait for a host that left without it, nor count it', () => {
  ledger.join(one, false)
  ledger.join(two, false)
  finish(one, 100)
  ledger.leave(two)
  expect(ledger.fetchers.map(([host]) => host)).toEqual([one])
  expect(ledger.rests()).toBe(true)
})

it('a wave in which nobody got it ends without a word', () => {
  ledger.join(one, false)
  ledger.leave(one)
  expect(ledger.rests()).toBe(false)
})

it('keeps what a host received after it left', () => {
  ledger.join(one, false)
  ledger.progress(one, { received: { ...none, seed: 7 }, from: [{ host: two, bytes: 7 }] }, true)
  ledger.leave(one)
  expect(ledger.accounts.get(one)).toMatchObject({ finishedAfterMs: 0, isPresent: false })
  expect([...(ledger.accounts.get(one)?.senders ?? [])]).toEqual([[two, 7]])
})

it('goes on with a host that joins again, and takes one that has it by then as finished', () => {
  ledger.join(one, false)
  now = 200
  ledger.join(one, false)
  expect(ledger.accounts.get(one)?.joinedAtMs).toBe(0)
  now = 300
  ledger.join(one, true)
  expect(ledger.accounts.get(one)?.finishedAfterMs).toBe(300)
  expect(ledger.rests()).toBe(true)
})

it('a host that lost the content and fetches it again counts anew', () => {
  ledger.join(one, false)
  finish(one, 100)
  ledger.rests()
  ledger.join(one, false)
  finish(one, 150)
  expect(ledger.fetchers.map(([, { finishedAfterMs }]) => finishedAfterMs)).toEqual([50])
  expect(ledger.rests()).toBe(true)
})

it('forgets the senders of a host that counts from nothing again', () => {
  ledger.join(one, false)
  ledger.progress(one, { received: { ...none, peers: 9 }, from: [{ host: two, bytes: 9 }] }, false)
  ledger.progress(
    one,
    { received: { ...none, peers: 4 }, from: [{ host: three, bytes: 4 }] },
    false,
  )
  expect([...(ledger.accounts.get(one)?.senders ?? [])]).toEqual([[three, 4]])
})

it('tells a bounded number of senders apart', () => {
  ledger.join(one, false)
  const from = Array.from({ length: 100 }, () => ({ host: newHostId(), bytes: 1 }))
  ledger.progress(one, { received: { ...none, peers: 100 }, from }, false)
  expect(ledger.accounts.get(one)?.senders.size).toBe(64)
})

it('starts over with the hosts that fetch when the content is another', () => {
  ledger.join(one, false)
  ledger.join(two, false)
  finish(one, 100)
  ledger.startOver()
  expect([...ledger.accounts.keys()]).toEqual([two])
  finish(two, 200)
  expect(ledger.rests()).toBe(true)
})

it('has a floor as far as rates are known, for each host too', () => {
  ledger.join(one, false)
  ledger.join(two, false)
  bytes = { seed: 1500, origin: 1000 }
  finish(one, 12_000)
  finish(two, 11_000)
  expect(efficiencyOf(ledger, 1000, rates(100))).toMatchObject({
    floor: { ms: 10_000, lacks: [] },
    fetching: 2,
    finishes: [
      { afterMs: 11_000, floorMs: 10_000 },
      { afterMs: 12_000, floorMs: 10_000 },
    ],
    seedRatio: 1.5,
    originRatio: 1,
  })
  expect(efficiencyOf(ledger, 1000, rates()).floor?.ms).toBeUndefined()
  expect(efficiencyOf(ledger, 0, rates(100))).toMatchObject({ floor: undefined })
})
