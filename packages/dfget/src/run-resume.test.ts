import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type FileOrigin, generatedSource, readAll, startFileOrigin } from '@df/testkit'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Interruption } from './interruption.ts'
import { CommandBench, type Result, until } from './test-support.ts'

const PIECE = 64 * 1024
let bench: CommandBench
let origin: FileOrigin

beforeEach(async () => {
  bench = await CommandBench.create()
  origin = await startFileOrigin()
})

afterEach(async () => {
  await origin.stop()
  await bench.remove()
})

describe('an interrupted download', () => {
  const source = generatedSource('long', 40 * PIECE)

  async function interrupted(args: string[]): Promise<Result> {
    origin.faults.set({ match: '', bps: 2_000_000 })
    const stop = new AbortController()
    const running = bench.dfget(args, stop.signal)
    await vi.waitUntil(() => origin.log.sentBytes() > 10 * PIECE, { timeout: 15_000 })
    stop.abort(new Interruption('SIGTERM'))
    const result = await running
    origin.faults.clear()
    return result
  }

  test('is gone on with by the same command', async () => {
    origin.files.set('/file', source)
    const args = [`${origin.url}/file`, '-O', 'out']
    const first = await interrupted(args)
    expect(first).toMatchObject({ code: 143 })
    expect(first.err).toContain('ended by SIGTERM')
    expect(await bench.files()).toEqual([])
    expect(await bench.unfinished()).toHaveLength(1)

    origin.log.clear()
    const second = await bench.dfget(args)
    expect(second).toMatchObject({ code: 0 })
    expect(second.err).toContain('from before')
    expect(origin.log.sentBytes()).toBeLessThan(source.sizeBytes)
    expect((await bench.read('out')).equals(await readAll(source))).toBe(true)
    expect(await bench.unfinished()).toEqual([])
  })

  test('starts over when the origin has something else now', async () => {
    origin.files.set('/file', source)
    const args = [`${origin.url}/file`, '-O', 'out']
    await interrupted(args)
    const other = generatedSource('other', 40 * PIECE)
    origin.files.set('/file', other)
    expect(await bench.dfget(args)).toMatchObject({ code: 0 })
    expect((await bench.read('out')).equals(await readAll(other))).toBe(true)
  })

  test('can be listed, checked and removed', async () => {
    origin.files.set('/file', source)
    await interrupted([`${origin.url}/file?token=hidden`, '-O', 'out'])
    const listed = await bench.dfget(['cache', 'ls'])
    expect(listed.out).toMatch(/^[0-9a-f]{12} +2.50 MiB +\d+% +http:\S+ -> \/.*\/out\n$/)
    expect(listed.out).not.toContain('hidden')
    const task = listed.out.slice(0, 12)
    expect(await bench.dfget(['cache', 'verify'])).toMatchObject({ code: 0 })
    expect(await bench.dfget(['cache', 'rm', task])).toMatchObject({ code: 0 })
    expect(await bench.dfget(['cache', 'ls'])).toEqual({ code: 0, out: '', err: '' })
    expect(await bench.unfinished()).toEqual([])
    expect(await bench.dfget(['cache', 'rm', task])).toMatchObject({ code: 3 })
  })
})

describe('a data directory of the user', () => {
  test('keeps the content, which then needs no origin bytes, and checks it on demand', async () => {
    const source = generatedSource('kept', 3 * PIECE)
    origin.files.set('/file', source)
    const at = ['--data-dir', join(bench.dir, 'data')]
    expect(await bench.dfget([`${origin.url}/file`, '-O', 'a', ...at])).toMatchObject({ code: 0 })
    origin.log.clear()
    expect(await bench.dfget([`${origin.url}/file`, '-O', 'b', ...at])).toMatchObject({ code: 0 })
    expect(origin.log.sentBytes()).toBeLessThan(PIECE)
    expect((await bench.read('b')).equals(await readAll(source))).toBe(true)

    const [entry] = (await bench.dfget(['cache', 'ls', '--json', ...at])).out.trim().split('\n')
    expect(JSON.parse(entry ?? '')).toMatchObject({ contentLength: 3 * PIECE, verified: true })
    await writeFile(join(bench.dir, 'a'), 'changed in place by its user')
    const verified = await bench.dfget(['cache', 'verify', ...at])
    expect(verified).toMatchObject({ code: 6 })
    expect(verified.err).toContain('wrong')
    expect(await bench.dfget([`${origin.url}/file`, '-O', 'c', ...at])).toMatchObject({ code: 0 })
    expect((await bench.read('c')).equals(await readAll(source))).toBe(true)
  })

  test('has one user at a time', async () => {
    origin.files.set('/file', generatedSource('slow', 10 * PIECE))
    origin.faults.set({ match: '', bps: 500_000 })
    const at = ['--data-dir', join(bench.dir, 'data')]
    const first = bench.dfget([`${origin.url}/file`, '-O', 'a', ...at])
    await until(() => stat(join(bench.dir, 'data/meta')))
    const second = await bench.dfget([`${origin.url}/file`, '-O', 'b', ...at])
    expect(second).toMatchObject({ code: 8 })
    expect(await bench.dfget(['cache', 'ls', ...at])).toMatchObject({ code: 8 })
    expect((await first).code).toBe(0)
  })

  test('that is none is not made by looking', async () => {
    expect(await bench.dfget(['cache', 'ls', '--data-dir', join(bench.dir, 'no')])).toMatchObject({
      code: 2,
    })
    expect(await bench.files()).toEqual([])
  })
})

test('the same command twice at once: the second one says so', async () => {
  origin.files.set('/file', generatedSource('twice', 20 * PIECE))
  origin.faults.set({ match: '', bps: 1_000_000 })
  const args = [`${origin.url}/file`, '-O', 'out']
  const first = bench.dfget(args)
  await until(async () => (await bench.unfinished()).length > 0 || undefined)
  const second = await bench.dfget(args)
  expect(second).toMatchObject({ code: 8 })
  expect(second.err).toContain("another dfget fetches this URL to '")
  expect(await first).toMatchObject({ code: 0 })
})

test('ten at once to ten files', async () => {
  const source = generatedSource('ten', 8 * PIECE)
  origin.files.set('/file', source)
  const names = Array.from({ length: 10 }, (_, index) => `out${index}`)
  const results = await Promise.all(
    names.map((name) => bench.dfget([`${origin.url}/file`, '-O', name])),
  )
  expect(results.map(({ code }) => code)).toEqual(names.map(() => 0))
  const content = await readAll(source)
  for (const name of names) expect((await bench.read(name)).equals(content)).toBe(true)
})

test('no place for the pieces is told, with the way out', async () => {
  origin.files.set('/file', generatedSource('no place', 1))
  await writeFile(join(bench.dir, 'xdg'), 'a file in the way')
  const result = await bench.dfget([`${origin.url}/file`, '-O', 'out'])
  expect(result).toMatchObject({ code: 7 })
  expect(result.err).toMatch(
    /^dfget: cannot keep pieces in '.*; choose another folder with --data-dir\n$/,
  )
})
