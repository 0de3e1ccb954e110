import type { HostId, TaskId } from '@df/proto'
import { expect, it } from 'vitest'
import type { TaskSnapshot } from './engine.ts'
import { taskEfficiency } from './task-efficiency.ts'
import type { KnownRates } from './task-floor.ts'
import { TaskTally } from './task-tally.ts'

const host = 'a'.repeat(32) as HostId

it('tells who sent what, and takes the floor by the rates that are known at the end', () => {
  let now = 100
  const rates: KnownRates = { limitBps: undefined, seenBps: undefined, seedBps: undefined }
  const tally = new TaskTally(
    () => now,
    () => rates,
  )
  now = 150
  tally.received('seed', 600, host)
  tally.received('origin', 400, undefined)
  tally.repaired()
  tally.repeated()
  now = 1300
  rates.seenBps = 1000
  tally.finish()
  rates.seenBps = 1e6
  now = 9000
  const snapshot: TaskSnapshot = {
    task: 'b'.repeat(64) as TaskId,
    url: 'http://origin.test/file',
    digest: undefined,
    state: 'complete',
    contentLength: 1000,
    haveBytes: tally.haveBytes,
    error: undefined,
    ...tally.snapshot(),
  }
  expect(taskEfficiency(snapshot)).toEqual({
    receivedFrom: [{ host, bytes: 600 }],
    receivedFromOthers: 0,
    repeatedPieces: 1,
    repairedPieces: 1,
    firstByteMs: 50,
    durationMs: 1200,
    floorMs: 1000,
    floorBy: 'seen',
    floorRatio: 1.2,
  })
})

it('a task that failed has a duration and no floor', () => {
  let now = 0
  const tally = new TaskTally(
    () => now,
    () => ({ limitBps: 1, seenBps: undefined, seedBps: undefined }),
  )
  now = 500
  tally.fail()
  now = 900
  expect(tally.snapshot()).toMatchObject({ durationMs: 500, floor: undefined })
})
