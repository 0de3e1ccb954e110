import { writeSync } from 'node:fs'
import { argv } from 'node:process'
import type { ContentStore } from '../content-store.ts'
import { createContentStore } from '../create-content-store.ts'
import { errnoOf } from '../storage-error.ts'
import { KiB, type Sample, sample } from './samples.ts'

/** Contents that the writer works at, all at once. */
export const CRASH_CONTENTS = ['a', 'b', 'c']
const WRITES_AT_ONCE = 4

/** Piece sizes differ, so that small writes and those through the thread pool are both met. */
export function crashSample(name: string, generation: string): Sample {
  const pieceSize = name === 'a' ? 2048 * KiB : 64 * KiB
  return sample(name, { generation, length: 12 * pieceSize - 1, pieceSize })
}

/**
 * Stores pieces as fast as it can until it is killed, over and over: a content that is complete is marked,
 * removed, and made anew in the next generation. Says on stdout what is recorded, and what is no longer promised.
 */
async function writeUntilKilled(dir: string): Promise<void> {
  say('starting')
  const store = createContentStore({ dir, quotaBytes: 0 })
  await store.start()
  await Promise.all(CRASH_CONTENTS.map((name) => fillOverAndOver(store, name)))
}

async function fillOverAndOver(store: ContentStore, name: string): Promise<never> {
  for (let round = 0; ; round++) {
    const from = crashSample(name, generationAfter(store, name, round))
    const content = await store.create(from.meta)
    const missing = Array.from({ length: from.pieces }, (_, index) => index)
      .filter((index) => !content.has(index))
      .toSorted(() => Math.random() - 0.5)
    const write = async () => {
      for (let index = missing.pop(); index !== undefined; index = missing.pop()) {
        await content.writePiece(index, from.piece(index), from.record(index))
        await content.recorded()
        say(`stored ${name} ${from.meta.generation} ${index}`)
      }
    }
    await Promise.all(Array.from({ length: WRITES_AT_ONCE }, write))
    await content.markVerified()
    say(`verified ${name} ${from.meta.generation}`)
    say(`removing ${name} ${from.meta.generation}`)
    content.release()
    await store.remove(from.meta.task)
  }
}

/** The first round goes on with what is there. */
function generationAfter(store: ContentStore, name: string, round: number): string {
  const { task } = crashSample(name, '').meta
  return store.summary(task)?.generation ?? `${process.pid}-${round}`
}

/** Written at once, so that it is out before a kill. The pipe is full while the reader is slow: tried again then. */
function say(line: string): void {
  for (let rest = Buffer.from(`${line}\n`); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') throw error
    }
  }
}

if (import.meta.main) await writeUntilKilled(argv[2] ?? '')
