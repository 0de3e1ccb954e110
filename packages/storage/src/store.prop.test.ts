import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StoredContent } from './content-store.ts'
import { flipByte } from './test-support/damage.ts'
import { fill, KiB, type Sample, sample } from './test-support/samples.ts'
import { TestStore } from './test-support/stores.ts'

/** What the store must hold of one content, whoever has a lease on it. */
interface ModelContent {
  from: Sample
  have: Set<number>
  verified: boolean
}

interface Holder {
  content: ModelContent
  removed: boolean
}

/** The store as it should be. Holders are in the order of their leases, as the real ones are. */
interface Model {
  contents: Map<number, ModelContent>
  holders: Holder[]
}

interface Real {
  place: TestStore
  holders: StoredContent[]
}

type Command = fc.AsyncCommand<Model, Real>

const TASKS = 3
const PIECES = 5
const generations = ['g1', 'g2'] as const

function sampleOf(task: number, generation: string): Sample {
  return sample(task, { generation, length: PIECES * KiB - (task === 0 ? 0 : 100 * task) })
}

function sorted(have: Iterable<number>): number[] {
  return [...have].toSorted((a, b) => a - b)
}

/** All of the store against the model. */
async function check(model: Model, real: Real): Promise<void> {
  const { store } = real.place
  const listed = new Map(store.list().map((summary) => [summary.task, summary]))
  expect(listed.size).toBe(model.contents.size)
  for (const content of model.contents.values()) {
    const summary = listed.get(content.from.meta.task)
    expect(summary?.generation).toBe(content.from.meta.generation)
    expect(summary?.havePieces).toBe(content.have.size)
    expect(summary?.leases).toBe(model.holders.filter((it) => it.content === content).length)
  }
  for (const [at, { content, removed }] of model.holders.entries()) {
    const holder = real.holders[at]
    if (holder === undefined) throw new Error('a holder is missing')
    const pieces = Array.from({ length: PIECES }, (_, index) => index)
    expect(pieces.filter((index) => holder.has(index))).toEqual(sorted(content.have))
    expect([holder.havePieces, holder.complete, holder.verified]).toEqual([
      content.have.size,
      content.have.size === PIECES,
      content.verified,
    ])
    for (const index of pieces) {
      const proof = content.have.has(index) && !removed ? `proof of ${index}` : undefined
      expect(holder.proof(index)?.toString()).toBe(proof)
    }
  }
  const alive = new Set([...model.contents.values(), ...model.holders.map((it) => it.content)])
  const bytes = [...alive].flatMap(({ from, have }) =>
    [...have].map((index) => from.piece(index).length),
  )
  expect(store.usage().storedBytes).toBe(bytes.reduce((sum, length) => sum + length, 0))
}

function command(name: string, apply: (model: Model, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      await apply(model, real)
      await check(model, real)
    },
    toString: () => name,
  }
}

/** A command on one of the holders; nothing when there is none. */
function onHolder(
  name: string,
  at: number,
  apply: (content: ModelContent, holder: StoredContent) => Promise<void>,
): Command {
  return command(`${name} by holder ${at}`, async (model, real) => {
    const place = at % Math.max(1, model.holders.length)
    const held = model.holders[place]
    const holder = real.holders[place]
    if (held !== undefined && holder !== undefined) await apply(held.content, holder)
  })
}

function create(task: number, generation: string): Command {
  return command(`create ${task} ${generation}`, async (model, real) => {
    const from = sampleOf(task, generation)
    real.holders.push(await real.place.store.create(from.meta))
    const present = model.contents.get(task)
    if (present?.from.meta.generation === generation) {
      model.holders.push({ content: present, removed: false })
      return
    }
    forget(model, task)
    const content = { from, have: new Set<number>(), verified: false }
    model.contents.set(task, content)
    model.holders.push({ content, removed: false })
  })
}

function open(task: number): Command {
  return command(`open ${task}`, async (model, real) => {
    const holder = await real.place.store.open(sampleOf(task, 'g1').meta.task)
    const content = model.contents.get(task)
    expect(holder === undefined).toBe(content === undefined)
    if (holder !== undefined) real.holders.push(holder)
    if (content !== undefined) model.holders.push({ content, removed: false })
  })
}

function forget(model: Model, task: number): boolean {
  const content = model.contents.get(task)
  for (const holder of model.holders) if (holder.content === content) holder.removed = true
  return model.contents.delete(task)
}

function remove(task: number): Command {
  return command(`remove ${task}`, async (model, real) => {
    const removed = await real.place.store.remove(sampleOf(task, 'g1').meta.task)
    expect(removed).toBe(forget(model, task))
  })
}

function write(at: number, indexes: number[]): Command {
  return onHolder(`write ${indexes.join()}`, at, async (content, holder) => {
    await fill(holder, content.from, indexes)
    for (const index of indexes) content.have.add(index)
  })
}

function read(at: number, from: number, to: number): Command {
  return onHolder(`read ${from}-${to}`, at, async (content, holder) => {
    const end = Math.min(to, content.from.bytes.length)
    const start = Math.min(from, end)
    const first = Math.floor(start / KiB)
    const touched = Array.from({ length: Math.ceil(end / KiB) - first }, (_, i) => first + i)
    const isStored = start === end || touched.every((index) => content.have.has(index))
    const [outcome] = await Promise.allSettled([holder.read(start, end)])
    expect(outcome).toMatchObject(
      isStored
        ? { status: 'fulfilled', value: content.from.bytes.subarray(start, end) }
        : { status: 'rejected', reason: { code: 'STORAGE_FAILED' } },
    )
  })
}

function discard(at: number, indexes: number[]): Command {
  return onHolder(`discard ${indexes.join()}`, at, async (content, holder) => {
    await holder.discard(indexes)
    for (const index of indexes) if (content.have.delete(index)) content.verified = false
  })
}

function markVerified(at: number): Command {
  return onHolder('mark verified', at, async (content, holder) => {
    const [outcome] = await Promise.allSettled([holder.markVerified()])
    expect(outcome.status === 'fulfilled').toBe(content.have.size === PIECES)
    if (content.have.size === PIECES) content.verified = true
  })
}

function release(at: number): Command {
  return command(`release by holder ${at}`, (model, real) => {
    const place = at % Math.max(1, model.holders.length)
    real.holders[place]?.release()
    model.holders.splice(place, 1)
    real.holders.splice(place, 1)
    return Promise.resolve()
  })
}

/** Ends the store, in order or not, with leases and all, and starts it anew. */
function restart(isClean: boolean): Command {
  return command(isClean ? 'restart' : 'kill and restart', async (model, real) => {
    model.holders.length = 0
    real.holders.length = 0
    if (isClean) await real.place.stop()
    else await real.place.crash()
    await real.place.start()
  })
}

/** A kill, and a stored piece changed on disk before the next start: it must not be trusted. */
function damage(task: number, index: number): Command {
  return command(`kill, damage piece ${index} of ${task} and restart`, async (model, real) => {
    model.holders.length = 0
    real.holders.length = 0
    await real.place.crash()
    const content = model.contents.get(task)
    if (content !== undefined) {
      flipByte(real.place.dataPath(content.from.meta.task), index * KiB + 7)
      if (content.have.delete(index)) content.verified = false
    }
    await real.place.start()
    const holder = await real.place.store.open(sampleOf(task, 'g1').meta.task)
    holder?.release()
  })
}

const task = fc.nat(TASKS - 1)
const holder = fc.nat(5)
const index = fc.nat(PIECES - 1)
const indexes = fc.uniqueArray(index, { minLength: 1 })
const offset = fc.nat(PIECES * KiB)

const commands = fc.commands(
  [
    fc.tuple(task, fc.constantFrom(...generations)).map((given) => create(...given)),
    task.map(open),
    task.map(remove),
    fc.tuple(holder, indexes).map((given) => write(...given)),
    fc.tuple(holder, indexes).map((given) => write(...given)),
    fc.constant(Array.from({ length: PIECES }, (_, i) => i)).map((all) => write(0, all)),
    fc.tuple(holder, offset, offset).map((given) => read(...given)),
    fc.tuple(holder, indexes).map((given) => discard(...given)),
    holder.map(markVerified),
    holder.map(release),
    fc.boolean().map(restart),
    fc.tuple(task, index).map((given) => damage(...given)),
  ],
  { maxCommands: 40, size: 'max' },
)

test('whatever is done to it in whatever order, the store holds what the model holds', async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      const place = new TestStore()
      await place.start()
      try {
        await fc.asyncModelRun(
          () => ({
            model: { contents: new Map(), holders: [] },
            real: { place, holders: [] },
          }),
          sequence,
        )
      } finally {
        await place.remove()
      }
    }),
    { numRuns: 60 },
  )
}, 60_000)
