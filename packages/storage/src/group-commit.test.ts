import { expect, test } from 'vitest'
import { GroupCommit } from './group-commit.ts'

/** A writer that notes its batches and ends each when told. */
function heldWriter() {
  const batches: number[][] = []
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = []
  const queue = new GroupCommit<number>(async (ops) => {
    batches.push(ops)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    ends.push({ resolve, reject })
    await promise
  })
  return { queue, batches, ends }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
}

test('what comes in one turn is one batch; what comes meanwhile is the next, in order', async () => {
  const { queue, batches, ends } = heldWriter()
  const first = Promise.all([queue.commit([1]), queue.commit([2, 3])])
  await turns()
  expect(batches).toEqual([[1, 2, 3]])
  const second = Promise.all([queue.commit([4]), queue.commit([5])])
  await turns()
  expect(batches).toHaveLength(1)
  ends[0]?.resolve()
  await first
  await turns()
  expect(batches).toEqual([
    [1, 2, 3],
    [4, 5],
  ])
  ends[1]?.resolve()
  await second
  await queue.flushed()
})

test('a failed batch fails its own callers only', async () => {
  const { queue, ends } = heldWriter()
  const failing = Promise.allSettled([queue.commit([1]), queue.commit([2])])
  await turns()
  const next = queue.commit([3])
  ends[0]?.reject(new Error('disk'))
  expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await turns()
  ends[1]?.resolve()
  await next
})

test('a queue that ran empty runs again', async () => {
  const written: number[] = []
  const queue = new GroupCommit<number>((ops) => {
    written.push(...ops)
    return Promise.resolve()
  })
  await queue.commit([1])
  await queue.flushed()
  await queue.commit([2])
  await queue.flushed()
  expect(written).toEqual([1, 2])
})
