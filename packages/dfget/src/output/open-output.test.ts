import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileOutput } from './file-output.ts'
import { openOutput } from './open-output.ts'
import type { Output } from './output.ts'
import { OUTPUT_CLOSED } from './output-error.ts'

const signal = new AbortController().signal
let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dfget-output-'))
})

afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

function opened(name: string, overwrite = false): Promise<Output> {
  return openOutput({ name, cwd: dir, overwrite, signal })
}

async function openedFile(name: string, overwrite = false): Promise<FileOutput> {
  const output = await opened(name, overwrite)
  if (output.kind !== 'file') throw new Error('not a file')
  return output
}

async function put(output: Output, ...texts: string[]): Promise<void> {
  for (const text of texts) await output.write(Buffer.from(text))
  await output.commit()
}

const files = () => readdirSync(dir).sort()
const text = (name: string) => readFileSync(join(dir, name), 'utf8')

describe('a file', () => {
  test('appears whole, under its name, with the permissions of the umask', async () => {
    const output = await opened('out')
    await output.write(Buffer.from('half'))
    expect(existsSync(join(dir, 'out'))).toBe(false)
    await put(output, ' and half')
    expect(text('out')).toBe('half and half')
    writeFileSync(join(dir, 'plain'), '')
    expect(statSync(join(dir, 'out')).mode).toBe(statSync(join(dir, 'plain')).mode)
    expect(files()).toEqual(['out', 'plain'])
  })

  test('of no bytes is made too', async () => {
    await put(await opened('empty'))
    expect(text('empty')).toBe('')
  })

  test('that is given up leaves nothing behind', async () => {
    const output = await opened('out')
    await output.write(Buffer.from('x'))
    await output.discard()
    await output.discard()
    expect(files()).toEqual([])
  })

  test('that exists is refused before anything is fetched', async () => {
    writeFileSync(join(dir, 'out'), 'old')
    await expect(opened('out')).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: "'out' exists already",
      hint: expect.stringContaining('--overwrite'),
    })
  })

  test('that exists survives until the new one is right, and gives it its permissions', async () => {
    writeFileSync(join(dir, 'out'), 'old', { mode: 0o640 })
    chmodSync(join(dir, 'out'), 0o640)
    const given = await opened('out', true)
    await given.write(Buffer.from('half'))
    expect(text('out')).toBe('old')
    await given.discard()
    expect(text('out')).toBe('old')
    await put(await opened('out', true), 'new')
    expect(text('out')).toBe('new')
    expect(statSync(join(dir, 'out')).mode & 0o777).toBe(0o640)
    expect(files()).toEqual(['out'])
  })

  test('that somebody else makes meanwhile is not replaced', async () => {
    const output = await opened('out')
    await output.write(Buffer.from('ours'))
    writeFileSync(join(dir, 'out'), 'theirs')
    await expect(output.commit()).rejects.toMatchObject({ code: 'OUTPUT_FAILED' })
    await output.discard()
    expect(text('out')).toBe('theirs')
    expect(files()).toEqual(['out'])
  })

  test('can start over', async () => {
    const output = await openedFile('out')
    await output.write(Buffer.from('something long'))
    await output.restart()
    await put(output, 'short')
    expect(text('out')).toBe('short')
  })

  test('can be filled from another place', async () => {
    const source = join(dir, 'source')
    writeFileSync(source, 'content', { mode: 0o600 })
    const output = await openedFile('out')
    await output.write(Buffer.from('unwanted'))
    await output.fill(async (path) => {
      expect(existsSync(path)).toBe(false)
      execFileSync('ln', [source, path])
    })
    await output.commit()
    expect(text('out')).toBe('content')
    writeFileSync(join(dir, 'plain'), '')
    expect(statSync(join(dir, 'out')).mode).toBe(statSync(join(dir, 'plain')).mode)
    expect(files()).toEqual(['out', 'plain', 'source'])
  })

  test('behind a symbolic link is written where the link leads', async () => {
    mkdirSync(join(dir, 'real'))
    writeFileSync(join(dir, 'real', 'file'), 'old')
    symlinkSync('real/file', join(dir, 'link'))
    symlinkSync('real/new', join(dir, 'dangling'))
    await put(await opened('link', true), 'new')
    await put(await opened('dangling'), 'made')
    expect(readFileSync(join(dir, 'real', 'file'), 'utf8')).toBe('new')
    expect(readFileSync(join(dir, 'real', 'new'), 'utf8')).toBe('made')
    expect(readdirSync(join(dir, 'real')).sort()).toEqual(['file', 'new'])
    expect(files()).toEqual(['dangling', 'link', 'real'])
  })

  test('may have a name as long as the file system allows, and odd characters', async () => {
    const long = 'ü'.repeat(127)
    await put(await opened(long), 'x')
    await put(await opened('a b\n"$*?'), 'y')
    expect(files()).toEqual(['a b\n"$*?', long])
    await expect(opened('x'.repeat(256))).rejects.toMatchObject({
      message: expect.stringContaining('too long'),
    })
  })

  test('clears away what a killed run of long ago left beside it, and nothing else', async () => {
    const stale = '.out.dfget-0123456789ab'
    const fresh = '.out.dfget-ba9876543210'
    for (const name of [stale, fresh, '.other.dfget-0123456789ab']) {
      writeFileSync(join(dir, name), '')
      if (name !== fresh) utimesSync(join(dir, name), 1, 1)
    }
    await put(await opened('out'), 'x')
    expect(files()).toEqual(['.other.dfget-0123456789ab', fresh, 'out'])
  })
})

describe('what cannot be written is told in one sentence:', () => {
  const cases: [string, () => string, string, string][] = [
    ['a folder', () => '.', "'.' is a folder", "-O 'NAME'"],
    ['a folder to be', () => 'sub/', "'sub/' is a folder", "-O 'sub/NAME'"],
    ['no such folder', () => 'no/out', "there is no folder '", 'create it'],
    [
      'a file as a folder',
      () => (writeFileSync(join(dir, 'f'), ''), 'f/out'),
      'is not a folder',
      '-O',
    ],
    [
      'a loop of links',
      () => (symlinkSync('b', join(dir, 'a')), symlinkSync('a', join(dir, 'b')), 'a'),
      'form a loop',
      '-O',
    ],
  ]
  test.each(cases)('%s', async (_, name, message, hint) => {
    await expect(opened(name())).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    })
  })
})

describe('a special file is written in place:', () => {
  test('/dev/null', async () => {
    const before = statSync('/dev/null')
    await put(await opened('/dev/null'), 'x')
    expect(statSync('/dev/null').ino).toBe(before.ino)
  })

  test('/dev/full says that there is no space', async () => {
    const output = await opened('/dev/full')
    await expect(output.write(Buffer.from('x'))).rejects.toMatchObject({ code: 'DISK_FULL' })
    await output.discard()
  })

  test('a fifo, as soon as somebody reads it', async () => {
    execFileSync('mkfifo', [join(dir, 'fifo')])
    const output = await opened('fifo')
    const written = put(output, 'a', 'b'.repeat(300_000))
    const reader = spawn('cat', [join(dir, 'fifo')])
    const parts: Buffer[] = []
    reader.stdout.on('data', (part: Buffer) => parts.push(part))
    await Promise.all([written, once(reader, 'close')])
    expect(Buffer.concat(parts).toString()).toBe(`a${'b'.repeat(300_000)}`)
    expect(statSync(join(dir, 'fifo')).isFIFO()).toBe(true)
  })

  test('a fifo whose reader goes away is closed without fuss', async () => {
    execFileSync('mkfifo', [join(dir, 'fifo')])
    const output = await opened('fifo')
    const reader = spawn('head', ['-c', '1', join(dir, 'fifo')])
    const written = (async () => {
      for (;;) await output.write(Buffer.alloc(100_000))
    })()
    await expect(written).rejects.toMatchObject({ detail: { [OUTPUT_CLOSED]: true } })
    await once(reader, 'close')
    await output.discard()
  })

  test('a fifo that nobody reads is waited for no longer than wanted', async () => {
    execFileSync('mkfifo', [join(dir, 'fifo')])
    const abort = new AbortController()
    const output = await openOutput({
      name: 'fifo',
      cwd: dir,
      overwrite: false,
      signal: abort.signal,
    })
    const written = output.write(Buffer.from('x'))
    const reason = new Error('enough')
    abort.abort(reason)
    await expect(written).rejects.toBe(reason)
    await output.discard()
  })

  test('a fifo whose reader stops reading is left when it is enough', async () => {
    execFileSync('mkfifo', [join(dir, 'fifo')])
    const reader = spawn('sh', ['-c', `exec 3<'${join(dir, 'fifo')}'; read _`])
    const abort = new AbortController()
    const output = await openOutput({
      name: 'fifo',
      cwd: dir,
      overwrite: false,
      signal: abort.signal,
    })
    const written = (async () => {
      for (;;) await output.write(Buffer.alloc(100_000))
    })()
    const reason = new Error('enough')
    setTimeout(() => abort.abort(reason), 100)
    await expect(written).rejects.toBe(reason)
    await output.discard()
    reader.stdin.end('\n')
    await once(reader, 'close')
  })
})
