import { type HostId, type HostMessage, type TaskId } from '@df/proto'
import { RateEstimate } from '@df/scheduling'
import type { StoredContent } from '@df/storage'
import { expect, it } from 'vitest'
import type { SupernodePool } from '../session/supernode-pool.ts'
import { ProgressReporter } from './progress-reporter.ts'

const task = '7'.repeat(64) as TaskId
const host = (number: number) => number.toString(16).padStart(32, '0') as HostId
const sender = (number: number, bytes: number) => ({ host: host(number), bytes })
const received = { peers: 9, seed: 0, origin: 0 }

function bench() {
  const sent: HostMessage[] = []
  const session = { reportEveryMs: 100, send: (message: HostMessage) => sent.push(message) }
  const pool = { sessionOf: () => session } as unknown as SupernodePool
  const link = new RateEstimate()
  let now = 0
  const reporter = new ProgressReporter(task, { pool, link, now: () => now })
  const report = (havePieces: number, senders: { host: HostId; bytes: number }[]) => {
    now += 100
    const content = {
      havePieces,
      complete: havePieces === 8,
      bits: () => new Uint8Array([0]),
      meta: { geometry: { contentLength: 8, pieceSize: 1, stripes: 1 } },
    }
    reporter.report(content as unknown as StoredContent, { received, senders })
    return sent.splice(0).map((message) => (message.type === 'progress' ? message.from : message))
  }
  return { reporter, report }
}

it('tells who sent how much, and then only what changed', () => {
  const { report } = bench()
  expect(report(1, [sender(1, 5), sender(2, 4)])).toEqual([[sender(1, 5), sender(2, 4)]])
  expect(report(2, [sender(1, 6), sender(2, 4)])).toEqual([[sender(1, 6)]])
  expect(report(3, [sender(1, 6), sender(2, 4)])).toEqual([undefined])
})

it('tells all again on a new session', () => {
  const { report, reporter } = bench()
  report(1, [sender(1, 5)])
  reporter.joined()
  expect(report(2, [sender(1, 5)])).toEqual([[sender(1, 5)]])
})

it('names at most 16 at once, the rest with the next report, and all of them at the end', () => {
  const { report } = bench()
  const many = Array.from({ length: 20 }, (_, number) => sender(number, 1))
  expect(report(1, many)).toEqual([many.slice(0, 16)])
  expect(report(2, many)).toEqual([many.slice(16)])
  const more = many.map(({ host: of }) => ({ host: of, bytes: 2 }))
  expect(report(8, more)).toEqual([more.slice(0, 16), more.slice(16)])
})
