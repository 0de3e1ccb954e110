import type { TaskEfficiency } from '@df/proto'
import { expect, test } from 'vitest'
import type { Progress } from './progress.ts'
import { barLine, oneLine, plainLine, summaryLine } from './text.ts'

const MiB = 1024 * 1024
const half: Progress = {
  bytes: 50 * MiB,
  contentLength: 100 * MiB,
  received: { peers: 40 * MiB, seed: 5 * MiB, origin: 5 * MiB },
  rateBps: 10 * MiB,
  elapsedMs: 5000,
}

test('a bar has all its figures on a wide terminal, and gives them up one by one on a narrow one', () => {
  expect(
    [140, 100, 80, 60, 45, 30, 20, 5, 2].map((columns) => barLine(half, columns)),
  ).toMatchInlineSnapshot(`
    [
      " 50%  [====================>                   ]  50 MiB of 100 MiB  10 MiB/s  peers 80%, seed 10%, origin 10%  ETA 5s",
      " 50%  [===========>          ]  50 MiB of 100 MiB  10 MiB/s  peers 80%, seed 10%, origin 10%  ETA 5s",
      " 50%  [=================>                 ]  50 MiB of 100 MiB  10 MiB/s  ETA 5s",
      " 50%  [=======>       ]  50 MiB of 100 MiB  10 MiB/s  ETA 5s",
      " 50%  50 MiB of 100 MiB  10 MiB/s",
      " 50%  50 MiB of 100 MiB",
      " 50%",
      " 50%",
      "",
    ]
  `)
  for (let columns = 0; columns < 200; columns++) {
    expect(barLine(half, columns).length).toBeLessThanOrEqual(columns)
  }
})

test('a bar runs from empty to full', () => {
  const at = (bytes: number) => barLine({ ...half, bytes, received: undefined, rateBps: 0 }, 60)
  expect([0, 1, 99 * MiB, 100 * MiB].map(at)).toMatchInlineSnapshot(`
    [
      "  0%  [>                            ]  0 B of 100 MiB  0 B/s",
      "  0%  [>                            ]  1 B of 100 MiB  0 B/s",
      " 99%  [=========================>]  99 MiB of 100 MiB  0 B/s",
      "100%  [=========================]  100 MiB of 100 MiB  0 B/s",
    ]
  `)
})

test('nothing of nothing is all of it', () => {
  expect(barLine({ ...half, bytes: 0, contentLength: 0, rateBps: 0 }, 60)).toMatchInlineSnapshot(
    `"100%  [=================================]  0 B of 0 B  0 B/s"`,
  )
})

test('without a length a bar only shows that something moves', () => {
  const at = (elapsedMs: number) => barLine({ ...half, contentLength: undefined, elapsedMs }, 70)
  expect([0, 500, 3000, 6000].map(at)).toMatchInlineSnapshot(`
    [
      "[<=>              ]  50 MiB  10 MiB/s  peers 80%, seed 10%, origin 10%",
      "[     <=>         ]  50 MiB  10 MiB/s  peers 80%, seed 10%, origin 10%",
      "[  <=>            ]  50 MiB  10 MiB/s  peers 80%, seed 10%, origin 10%",
      "[    <=>          ]  50 MiB  10 MiB/s  peers 80%, seed 10%, origin 10%",
    ]
  `)
})

test('plain lines say the same as the bar', () => {
  expect(
    [half, { ...half, contentLength: undefined, received: undefined }].map(plainLine),
  ).toMatchInlineSnapshot(`
    [
      "50%, 50 MiB of 100 MiB, 10 MiB/s, peers 80%, seed 10%, origin 10%, ETA 5s",
      "50 MiB, 10 MiB/s",
    ]
  `)
})

test('the summary tells the rate of what this run received, and what was there before', () => {
  const done = {
    output: 'out.bin',
    bytes: 100 * MiB,
    resumedBytes: 0,
    elapsedMs: 10_000,
    received: { peers: 75 * MiB, seed: 25 * MiB, origin: 0 },
    efficiency: undefined,
  }
  expect([
    summaryLine(done),
    summaryLine({
      ...done,
      resumedBytes: 90 * MiB,
      received: { peers: 0, seed: 0, origin: 10 * MiB },
    }),
    summaryLine({ ...done, bytes: 0, elapsedMs: 12, received: undefined }),
  ]).toMatchInlineSnapshot(`
    [
      "out.bin: 100 MiB in 10s, 10 MiB/s, peers 75%, seed 25%",
      "out.bin: 100 MiB in 10s, 1 MiB/s, 90 MiB from before, origin 100%",
      "out.bin: 0 B in 12ms, 0 B/s",
    ]
  `)
})

test('the summary tells how near the floor it came, and says when that is not known', () => {
  const efficiency: TaskEfficiency = {
    receivedFrom: [],
    receivedFromOthers: 0,
    repeatedPieces: 0,
    repairedPieces: 0,
    firstByteMs: 3,
    durationMs: 10_400,
    floorMs: 10_000,
    floorBy: 'limit',
    floorRatio: 1.04,
  }
  const unknown = { ...efficiency, floorMs: null, floorBy: null, floorRatio: null }
  const nothingReceived = { ...unknown, firstByteMs: null }
  const tails = [
    efficiency,
    { ...efficiency, floorBy: 'seen' as const },
    { ...efficiency, floorBy: 'seed' as const },
    unknown,
    nothingReceived,
  ].map((each) =>
    summaryLine({
      output: 'out.bin',
      bytes: 100 * MiB,
      resumedBytes: 0,
      elapsedMs: 10_400,
      received: undefined,
      efficiency: each,
    }).replace('out.bin: 100 MiB in 10.4s, 9.62 MiB/s', ''),
  )
  expect(tails).toEqual([
    ', 1.04 × floor (rate limit)',
    ', 1.04 × floor (most ever received)',
    ", 1.04 × floor (SuperNode's limit)",
    ', floor unknown',
    '',
  ])
})

test('control characters of names and servers do not reach the terminal', () => {
  expect(oneLine('a\r\nb\x1b[31mc\x07\x9b')).toBe('a b [31mc ')
})
