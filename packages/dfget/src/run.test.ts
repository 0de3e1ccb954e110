import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  bytesSource,
  type FileOrigin,
  generatedSource,
  readAll,
  startFileOrigin,
} from '@df/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CommandBench } from './test-support.ts'

const PIECE = 64 * 1024
const ABC = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'

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

describe('every size arrives whole', () => {
  test.each([0, 1, PIECE - 1, PIECE, PIECE + 1, 20 * PIECE, 20 * PIECE + 1])(
    '%i bytes',
    async (size) => {
      const source = generatedSource(`size ${size}`, size)
      origin.files.set('/file', source)
      const result = await bench.dfget([`${origin.url}/file`, '-O', 'out'])
      expect(result).toMatchObject({ code: 0, out: '' })
      expect(result.err).toMatch(/^out: .* in .*\n$/)
      expect((await bench.read('out')).equals(await readAll(source))).toBe(true)
      expect(await bench.files()).toEqual(['out'])
      expect(await bench.unfinished()).toEqual([])
    },
  )
})

describe('whatever the origin can and cannot do', () => {
  const source = generatedSource('content', 5 * PIECE + 7)
  const cases = [
    ['no Range', { match: '', noRange: true }],
    ['no length', { match: '', noLength: true }],
    ['neither', { match: '', noRange: true, noLength: true }],
    ['a cut in the middle', { match: '', times: 2, truncateAt: 2 * PIECE }],
    ['an error at first', { match: '', times: 2, status: 503 }],
  ] as const
  test.each(cases)('%s', async (_, fault) => {
    origin.files.set('/file', source)
    // The question for the state of the origin is answered without fault.
    origin.faults.set({ match: '', times: 1 }, fault)
    expect(await bench.dfget([`${origin.url}/file`, '-O', 'out'])).toMatchObject({ code: 0 })
    expect((await bench.read('out')).equals(await readAll(source))).toBe(true)
  })
})

describe('what goes wrong is one line and a code', () => {
  const cases: [string, () => Promise<string[]> | string[], number, string][] = [
    ['not found', () => [`${origin.url}/absent`], 3, 'answered 404; check the URL'],
    ['unreachable', () => ['http://127.0.0.1:1/x'], 5, 'check the URL and the network'],
    ['no URL', () => [], 2, 'which URL?'],
    ['not a URL', () => ['ftp://x/y'], 2, 'not an http or https URL'],
    ['an unknown flag', () => ['http://x/y', '--overwirte'], 2, 'did you mean --overwrite?'],
    ['no file name', () => ['http://x/'], 2, 'name the file with -O'],
  ]
  test.each(cases)('%s', async (_, args, code, text) => {
    const result = await bench.dfget(await args())
    expect(result.err).toContain(text)
    expect(result.err).toMatch(/^dfget: [^\n]*\n$/)
    expect(result).toMatchObject({ code, out: '' })
    expect(await bench.files()).toEqual([])
  })
})

describe('the digest', () => {
  test('that is right is no matter', async () => {
    origin.files.set('/file', bytesSource('abc'))
    const result = await bench.dfget([`${origin.url}/file`, '-O', 'out', '--digest', ABC])
    expect(result.code).toBe(0)
  })

  test('that is wrong: nothing is written, and nothing wrong is kept', async () => {
    origin.files.set('/file', bytesSource('abd'))
    await writeFile(join(bench.dir, 'out'), 'old')
    const args = [`${origin.url}/file`, '-O', 'out', '--overwrite', '--digest', ABC]
    const result = await bench.dfget(args)
    expect(result.code).toBe(6)
    expect(result.err).toMatch(/^dfget: .*sha256:[0-9a-f]{64}.*; check the URL and --digest\n$/)
    expect((await bench.read('out')).toString()).toBe('old')
    expect(await bench.files()).toEqual(['out'])
    expect(await bench.unfinished()).toEqual([])
  })
})

describe('redirects', () => {
  test('to the same host are followed', async () => {
    origin.files.set('/there/file', bytesSource('abc'))
    origin.faults.set({ match: ' /file', redirect: `${origin.url}/there` })
    expect(await bench.dfget([`${origin.url}/file`])).toMatchObject({ code: 0 })
    expect((await bench.read('file')).toString()).toBe('abc')
  })

  test('to another internal host need leave', async () => {
    const other = await startFileOrigin({ host: '127.0.0.2' })
    try {
      other.files.set('/file', bytesSource('abc'))
      origin.faults.set({ match: '', redirect: other.url })
      const refused = await bench.dfget([`${origin.url}/file`])
      expect(refused.code).toBe(9)
      expect(refused.err).toContain('--allow-origin 127.0.0.2')
      expect(other.log.entries).toEqual([])
      const args = [
        `${origin.url}/file`,
        '--allow-origin',
        '127.0.0.2',
        '--header',
        'Authorization: x',
      ]
      expect(await bench.dfget(args)).toMatchObject({ code: 0 })
      expect(other.log.entries.some(({ headers }) => 'authorization' in headers)).toBe(false)
    } finally {
      await other.stop()
    }
  })

  test('without end are told', async () => {
    origin.faults.set({ match: '', redirect: 'loop' })
    expect(await bench.dfget([`${origin.url}/file`])).toMatchObject({ code: 5 })
  })
})

test('odd characters reach the origin as a browser would send them', async () => {
  const path = '/a%20b/%E2%82%AC%2F%25?q=a%2Bb&r=%20x'
  origin.files.set('/a%20b/%E2%82%AC%2F%25', bytesSource('abc'))
  const result = await bench.dfget([`${origin.url}/a b/€%2F%25?q=a%2Bb&r= x`, '-O', '%odd name'])
  expect(result).toMatchObject({ code: 0 })
  expect(new Set(origin.log.entries.map(({ url }) => url))).toEqual(new Set([path]))
  expect(await bench.files()).toEqual(['%odd name'])
})

test('IPv6 addresses are addresses', async () => {
  const v6 = await startFileOrigin({ host: '::1' })
  try {
    v6.files.set('/file', bytesSource('abc'))
    expect(await bench.dfget([`http://[::1]:${v6.port}/file`])).toMatchObject({ code: 0 })
  } finally {
    await v6.stop()
  }
})

test('headers go to the origin and nowhere else', async () => {
  const secret = 'Bearer s3cr3t'
  origin.files.set('/file', bytesSource('abc'))
  const args = ['--header', `Authorization: ${secret}`, '--header', 'X-A: 1', '--header', 'x-a: 2']
  const good = await bench.dfget([`${origin.url}/file`, ...args])
  for (const { headers } of origin.log.entries) {
    expect(headers).toMatchObject({ authorization: secret, 'x-a': '1, 2' })
  }
  origin.faults.set({ match: '', status: 401 })
  const bad = await bench.dfget([`${origin.url}/file`, '-O', 'b', ...args, '--json'])
  expect(bad.code).toBe(4)
  expect(`${good.err}${bad.err}${bad.out}`).not.toContain('s3cr3t')
})

test('credentials in the URL become a header and are not shown', async () => {
  origin.files.set('/file', bytesSource('abc'))
  const url = new URL('/file?sig=hidden', origin.url)
  url.username = 'me'
  url.password = 's3cr3t'
  const { out, err, code } = await bench.dfget([url.href, '--json', '-O', 'out'])
  expect(code).toBe(0)
  expect(out + err).not.toMatch(/s3cr3t|hidden/)
  const [entry] = origin.log.entries
  expect(entry?.headers.authorization).toBe(`Basic ${Buffer.from('me:s3cr3t').toString('base64')}`)
})

describe('an existing file', () => {
  test('is refused before the origin is asked', async () => {
    await writeFile(join(bench.dir, 'out'), 'old')
    const result = await bench.dfget([`${origin.url}/file`, '-O', 'out'])
    expect(result).toMatchObject({ code: 7 })
    expect(result.err).toContain('--overwrite')
    expect(origin.log.entries).toEqual([])
  })

  test('is replaced with --overwrite', async () => {
    origin.files.set('/file', bytesSource('abc'))
    await writeFile(join(bench.dir, 'out'), 'old')
    expect(await bench.dfget([`${origin.url}/file`, '-O', 'out', '--overwrite'])).toMatchObject({
      code: 0,
    })
    expect((await bench.read('out')).toString()).toBe('abc')
  })
})

test('the time limit ends everything', async () => {
  origin.files.set('/file', bytesSource('abc'))
  origin.faults.set({ match: '', hang: true })
  const result = await bench.dfget([`${origin.url}/file`, '--timeout', '300ms'])
  expect(result).toMatchObject({ code: 10 })
  expect(result.err).toContain('not done within 300ms')
  expect(await bench.files()).toEqual([])
})

test('the rate limit holds', async () => {
  const source = generatedSource('limited', 8 * PIECE)
  origin.files.set('/file', source)
  const startedAtMs = performance.now()
  const rate = `${4 * PIECE}`
  expect(await bench.dfget([`${origin.url}/file`, '--rate-limit', rate])).toMatchObject({ code: 0 })
  expect(performance.now() - startedAtMs).toBeGreaterThan(1500)
})

test('events are for programs, one object per line', async () => {
  origin.files.set('/file', bytesSource('abc'))
  const good = await bench.dfget([`${origin.url}/file`, '--json'])
  expect(events(good.out).map(({ event }) => event)).toEqual(['start', 'done'])
  expect(good.err).toBe('')
  expect(events(good.out).at(-1)).toMatchObject({
    output: 'file',
    bytes: 3,
    received: { peers: 0, seed: 0, origin: 3 },
  })
  const bad = await bench.dfget([`${origin.url}/absent`, '--json'])
  expect(events(bad.out)).toMatchObject([
    { event: 'failed', code: 'ORIGIN_NOT_FOUND', exitCode: 3 },
  ])
  expect(bad.err).toMatch(/^dfget: [^\n]+\n$/)
})

test('help and version need nothing', async () => {
  const help = await bench.dfget(['--help'])
  expect(help).toMatchObject({ code: 0, err: '' })
  expect(help.out).toContain('--overwrite')
  expect((await bench.dfget(['cache', '--help'])).out).toContain('dfget cache rm')
  expect(await bench.dfget(['--version'])).toMatchObject({ code: 0, out: 'dfget 0.0.0\n' })
})

function events(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
