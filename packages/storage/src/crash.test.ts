import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StoredContent } from './content-store.ts'
import { CRASH_CONTENTS, crashSample } from './test-support/crash-writer.ts'
import { flipByte } from './test-support/damage.ts'
import { TestStore } from './test-support/stores.ts'

const ROUNDS = 12
const LONGEST_LIFE_MS = 250
const writer = join(import.meta.dirname, 'test-support', 'crash-writer.ts')

let place: TestStore

beforeEach(() => {
  place = new TestStore()
})

afterEach(async () => {
  await place.remove()
})

/** Lets the writer live for a while after it first said `since` and kills it; gives what it said. */
async function killedWriter(since: 'starting' | 'stored', lifeMs: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--conditions=df-source', writer, place.dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const said: string[] = []
  let end: NodeJS.Timeout | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line)
    if (line.startsWith(since)) end ??= setTimeout(() => child.kill('SIGKILL'), lifeMs)
  }
  expect(await exited).toEqual([null, 'SIGKILL'])
  return said
}

interface Promised {
  generation: string
  indexes: Set<number>
}

/** What must be there by what was said: pieces that were recorded of contents not removed since. */
function applySaid(promised: Map<string, Promised>, said: string[]): void {
  for (const line of said) {
    const [what, name = '', generation = '', index] = line.split(' ')
    if (what === 'removing') promised.delete(name)
    if (what !== 'stored') continue
    const before = promised.get(name)
    const indexes = before?.generation === generation ? before.indexes : new Set<number>()
    promised.set(name, { generation, indexes: indexes.add(Number(index)) })
  }
}

/** Reads all that the content claims to have; every byte must be right. */
async function checkBytes(name: string, content: StoredContent): Promise<void> {
  const from = crashSample(name, content.meta.generation)
  for (let index = 0; index < from.pieces; index++) {
    if (!content.has(index)) continue
    const start = index * from.meta.geometry.pieceSize
    const right = from.piece(index)
    const read = await content.read(start, start + right.length)
    expect(read.equals(right), `piece ${index} of ${name}`).toBe(true)
    expect(content.proof(index)?.toString()).toBe(`proof of ${index}`)
  }
  expect(content.verified && !content.complete).toBe(false)
}

test('whenever it is killed, the store keeps every recorded piece and trusts no wrong one', async () => {
  const promised = new Map<string, Promised>()
  let checkedPieces = 0
  let damagedPieces = 0
  for (let round = 0; round < ROUNDS; round++) {
    const since = round % 4 === 3 ? 'starting' : 'stored'
    const said = await killedWriter(since, Math.random() * LONGEST_LIFE_MS)
    applySaid(promised, said)
    // An end that came before the start was through may still count as the clean end before it.
    const damaged = round % 4 === 2 ? damageOneOf(promised) : undefined
    await place.start()
    for (const name of CRASH_CONTENTS) {
      const content = await place.store.open(crashSample(name, '').meta.task)
      const expected = promised.get(name)
      expect(content?.meta.generation ?? 'none').toBe(
        expected?.generation ?? content?.meta.generation ?? 'none',
      )
      if (content === undefined) continue
      const lost = [...(expected?.indexes ?? [])].filter((index) => !content.has(index))
      expect(lost).toEqual(damaged?.name === name ? [damaged.index] : [])
      await checkBytes(name, content)
      checkedPieces += content.havePieces
      content.release()
    }
    if (damaged !== undefined) {
      damagedPieces++
      promised.get(damaged.name)?.indexes.delete(damaged.index)
    }
    await place.stop()
  }
  expect(checkedPieces).toBeGreaterThan(0)
  expect(damagedPieces).toBeGreaterThan(0)
}, 120_000)

/** Changes a byte of a recorded piece on disk. */
function damageOneOf(promised: Map<string, Promised>): { name: string; index: number } | undefined {
  for (const [name, { generation, indexes }] of promised) {
    const [index] = indexes
    if (index === undefined) continue
    const { meta } = crashSample(name, generation)
    flipByte(place.dataPath(meta.task), index * meta.geometry.pieceSize + 11)
    return { name, index }
  }
  return undefined
}
