import { chmod, open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Daemon,
  digestOf,
  type FileOrigin,
  fileSource,
  generatedSource,
  makeCa,
  readAll,
  startFileOrigin,
} from '@df/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DfgetBox } from '../support/dfget.ts'
import { Lab, type TestProgram } from '../support/lab.ts'

const MiB = 1024 ** 2
const GiB = 1024 ** 3

let lab: Lab
let origin: FileOrigin
let supernode: TestProgram
let box: DfgetBox
let boxes = 0

beforeAll(async () => {
  lab = await Lab.open()
  origin = lab.keep(await startFileOrigin())
  supernode = await lab.supernode()
})

afterAll(() => lab.close())

beforeEach(async () => {
  origin.faults.clear()
  origin.log.clear()
  box = await DfgetBox.create(await lab.folder(`box-${boxes++}`))
})

const alone = ['--daemon', 'none', '--no-progress']
const swarm = () => ['--supernode', supernode.url, '--no-progress']
const files = () => readdir(box.directory)
const unfinished = () => readdir(box.downloadsDir).catch(() => [])
const oneLine = /^dfget: [^\n]+\n$/

/** Puts content at the origin; gives its URL. */
async function put(name: string, sizeBytes: number) {
  const source = generatedSource(name, sizeBytes)
  origin.files.set(`/${name}`, source)
  return { url: `${origin.url}/${name}`, source, digest: await digestOf(source) }
}

async function digestOfFile(name: string): Promise<string> {
  return await digestOf(await fileSource(join(box.directory, name)))
}

describe('content', () => {
  it('3 GiB of a sparse file arrive, in bounded memory', { timeout: 300_000 }, async () => {
    const path = join(lab.directory, 'sparse')
    const file = await open(path, 'w')
    await file.truncate(3 * GiB)
    await file.write(Buffer.from('needle'), 0, 6, 1.5 * GiB)
    await file.close()
    const source = await fileSource(path)
    origin.files.set('/sparse', source)

    const dfget = box.start([`${origin.url}/sparse`, '-O', 'out', ...alone])
    let peakBytes = 0
    const sample = async () => {
      peakBytes = await peakMemoryBytes(dfget.pid).catch(() => peakBytes)
    }
    const watch = setInterval(() => void sample(), 200)
    const exit = await dfget.exited
    clearInterval(watch)
    expect(exit, dfget.stderr).toMatchObject({ code: 0 })
    expect(await digestOfFile('out')).toBe(await digestOf(source))
    expect(peakBytes).toBeGreaterThan(0)
    expect(peakBytes).toBeLessThan(250 * MiB)
    expect(await unfinished()).toEqual([])
  })

  const pieceBytes = 64 * 1024
  it.each([0, 1, pieceBytes - 1, pieceBytes, pieceBytes + 1, 40 * MiB + 1])(
    '%i bytes arrive through a SuperNode',
    async (sizeBytes) => {
      const { url, digest } = await put(`swarm-${sizeBytes}`, sizeBytes)
      expect(await box.run([url, '-O', 'out', '--digest', digest, ...swarm()])).toMatchObject({
        code: 0,
        stdout: '',
        stderr: expect.stringMatching(/^out: [^\n]+\n$/),
      })
      expect(await digestOfFile('out')).toBe(digest)
    },
  )

  it.each([
    ['no Range', { match: '', noRange: true }],
    ['no length', { match: '', noLength: true }],
    ['neither', { match: '', noRange: true, noLength: true }],
  ] as const)('%s at the origin is no matter to the swarm', async (name, fault) => {
    origin.faults.set(fault)
    const { url, digest } = await put(`swarm ${name}`.replaceAll(' ', '-'), 3 * MiB)
    expect(await box.run([url, '-O', 'out', ...swarm()])).toMatchObject({ code: 0 })
    expect(await digestOfFile('out')).toBe(digest)
  })
})

describe('ten at once', () => {
  const names = Array.from({ length: 10 }, (_, index) => `out-${index}`)

  it('as ten peers read the origin about once', async () => {
    const { url, digest, source } = await put('ten-peers', 30 * MiB)
    const runs = await Promise.all(names.map((name) => box.run([url, '-O', name, ...swarm()])))
    for (const run of runs) expect(run).toMatchObject({ code: 0 })
    for (const name of names) expect(await digestOfFile(name)).toBe(digest)
    expect(origin.log.sentBytes()).toBeLessThan(1.1 * source.sizeBytes)
  })

  it("through the host's dfdaemon read the origin once", async () => {
    const { url, digest, source } = await put('ten-daemon', 30 * MiB)
    const dfdaemon = await daemon()
    const runs = await Promise.all(
      names.map((name) => box.run([url, '-O', name, '--daemon', dfdaemon.url, '--no-progress'])),
    )
    for (const run of runs) expect(run).toMatchObject({ code: 0 })
    for (const name of names) expect(await digestOfFile(name)).toBe(digest)
    expect(origin.log.sentBytes()).toBeLessThan(1.1 * source.sizeBytes)
  })
})

describe('what dies on the way', () => {
  it('dfget itself, by kill -9: the same command goes on where it was', async () => {
    const { url, digest, source } = await put('resume', 40 * MiB)
    origin.faults.set({ match: '', bps: 8 * MiB })
    const args = [url, '-O', 'out', '--digest', digest, ...alone]
    const first = box.start(args)
    await until(first, () => origin.log.sentBytes() > source.sizeBytes / 2)
    await first.kill()
    expect(await files()).toEqual([])
    expect(await unfinished()).toHaveLength(1)

    origin.faults.clear()
    origin.log.clear()
    const second = await box.run(args)
    expect(second).toMatchObject({ code: 0, stderr: expect.stringContaining('from before') })
    expect(origin.log.sentBytes()).toBeLessThan(0.75 * source.sizeBytes)
    expect(await digestOfFile('out')).toBe(digest)
    expect(await unfinished()).toEqual([])
  })

  it('the SuperNode: the download goes on', async () => {
    const { url, digest } = await put('supernode-dies', 30 * MiB)
    const other = await lab.supernode()
    origin.faults.set({ match: '', bps: 8 * MiB })
    const dfget = box.start([url, '-O', 'out', '--supernode', other.url, '--no-progress'])
    await until(dfget, () => origin.log.sentBytes() > 10 * MiB)
    await other.daemon.kill()
    origin.faults.clear()
    expect(await dfget.exited, dfget.stderr).toMatchObject({ code: 0 })
    expect(await digestOfFile('out')).toBe(digest)
  })

  it.each([
    ['a file', []],
    ['a file with a digest', ['digest']],
  ])("the host's dfdaemon: %s is brought to its end", async (_, flags) => {
    const { url, digest } = await put(`daemon-dies-${flags.length}`, 30 * MiB)
    const dfdaemon = await daemon()
    origin.faults.set({ match: '', bps: 8 * MiB })
    const given = flags.length === 0 ? [] : ['--digest', digest]
    const dfget = box.start([url, '-O', 'out', '--daemon', dfdaemon.url, '--no-progress', ...given])
    await until(dfget, () => origin.log.sentBytes() > 10 * MiB)
    await dfdaemon.daemon.kill()
    origin.faults.clear()
    expect(await dfget.exited, dfget.stderr).toMatchObject({ code: 0 })
    expect(dfget.stderr).toContain('going on without it')
    expect(await digestOfFile('out')).toBe(digest)
    expect(await files()).toEqual(['out'])
  })

  it('standard output goes on too, byte for byte, when the dfdaemon dies', async () => {
    const { url, source } = await put('daemon-dies-stdout', 20 * MiB)
    const dfdaemon = await daemon()
    origin.faults.set({ match: '', bps: 8 * MiB })
    const running = box.shell('"$@" > copy', [
      ...[url, '-O', '-', '--daemon', dfdaemon.url, '--no-progress'],
    ])
    while (origin.log.sentBytes() < 10 * MiB) await sleep(20)
    await dfdaemon.daemon.kill()
    origin.faults.clear()
    expect(await running).toMatchObject({ code: 0 })
    expect(await digestOfFile('copy')).toBe(await digestOf(source))
  })

  it('SIGTERM and SIGINT end it with 143 and 130, and leave what can be gone on with', async () => {
    const { url } = await put('signals', 40 * MiB)
    origin.faults.set({ match: '', bps: 4 * MiB })
    for (const [signal, code] of [
      ['SIGTERM', 143],
      ['SIGINT', 130],
    ] as const) {
      origin.log.clear()
      const dfget = box.start([url, '-O', 'out', ...alone])
      await until(dfget, () => origin.log.sentBytes() > 2 * MiB)
      dfget.signal(signal)
      expect(await dfget.exited, dfget.stderr).toMatchObject({ code })
      expect(dfget.stderr).toMatch(oneLine)
      expect(await files()).toEqual([])
      expect(await unfinished()).toHaveLength(1)
    }
  })
})

describe('a SuperNode that cannot be reached costs nothing worth a word', () => {
  it.each([
    ['refuses', 'http://127.0.0.1:1'],
    ['is nowhere', 'http://192.0.2.1:8002'],
  ])('%s', async (_, url) => {
    const { url: from, digest } = await put('no-supernode', 5 * MiB)
    const result = await box.run([from, '-O', 'out', '--supernode', url, '--no-progress'])
    expect(result).toMatchObject({ code: 0 })
    expect(result.durationMs).toBeLessThan(5000)
    expect(await digestOfFile('out')).toBe(digest)
  })
})

describe('the output', () => {
  it('on a full disk: one line, nothing left behind, the old file as it was', async () => {
    const { url } = await put('full-output', 8 * MiB)
    const result = await box.shell(
      `mkdir small; mount -t tmpfs -o size=4m none small; echo old > small/out
      "$@"; code=$?; ls -A small; cat small/out; exit $code`,
      [url, '-O', 'small/out', '--overwrite', ...alone],
    )
    expect(result).toMatchObject({ code: 7, stdout: 'out\nold\n' })
    expect(result.stderr).toMatch(oneLine)
    expect(result.stderr).toContain("no space left for 'small/out'")
    expect(await unfinished()).toEqual([])
  })

  it('with its pieces on a full disk: likewise', async () => {
    const { url } = await put('full-store', 8 * MiB)
    const result = await box.shell(
      `mount -t tmpfs -o size=4m none /var/lib
      "$@"; code=$?; find /var/lib -type f; exit $code`,
      [url, '-O', 'out', ...alone],
    )
    expect(result).toMatchObject({ code: 7, stdout: '' })
    expect(result.stderr).toMatch(oneLine)
    expect(await files()).toEqual([])
  })

  it('in a read-only place: one line', async () => {
    const { url } = await put('read-only', 1)
    const result = await box.shell('mkdir ro; mount -t tmpfs -o ro none ro; exec "$@"', [
      ...[url, '-O', 'ro/out', ...alone],
    ])
    expect(result).toMatchObject({ code: 7, stderr: expect.stringMatching(oneLine) })
    expect(result.stderr).toContain('is read-only')
    expect(origin.log.entries).toEqual([])
  })

  it('where the user has no right to write: one line', async () => {
    const { url } = await put('no-right', 1)
    await chmod(lab.directory, 0o755)
    const asNobody = 'exec setpriv --reuid 65534 --regid 65534 --clear-groups'
    const environment = 'env HOME=/nowhere XDG_DATA_HOME=/tmp/df-nobody-absent'
    const result = await box.shell(`${asNobody} ${environment} "$@"`, [url, '-O', 'out', ...alone])
    expect(result).toMatchObject({ code: 7, stderr: expect.stringMatching(oneLine) })
    expect(result.stderr).toContain('no right to write')
  })

  it('on another file system arrives whole too', async () => {
    const { url, digest } = await put('other-file-system', 5 * MiB)
    const result = await box.shell(
      'mkdir other; mount -t tmpfs none other; "$@" && sha256sum < other/out',
      [url, '-O', 'other/out', ...alone],
    )
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining(digest.slice(7)) })
    expect(await unfinished()).toEqual([])
  })
})

describe('standard output', () => {
  const stdout = ['-O', '-', ...alone]

  it('carries the content and nothing else, into a pipe and into a file', async () => {
    const { url, source } = await put('stdout', 1 * MiB)
    const content = await readAll(source)
    await box.shell('"$@" --json | cat > piped; echo begin > redirected; "$@" >> redirected', [
      ...[url, ...stdout],
    ])
    expect((await readFile(join(box.directory, 'piped'))).equals(content)).toBe(true)
    const redirected = await readFile(join(box.directory, 'redirected'))
    expect(redirected.equals(Buffer.concat([Buffer.from('begin\n'), content]))).toBe(true)
    expect(await unfinished()).toEqual([])
  })

  it('whose reader has enough ends dfget without a word', async () => {
    const { url } = await put('enough', 20 * MiB)
    const script = '{ "$@"; echo $? > code; } | head -c 10 > ten'
    expect(await box.shell(script, [url, ...stdout])).toMatchObject({ code: 0, stderr: '' })
    expect(await readFile(join(box.directory, 'code'), 'utf8')).toBe('7\n')
    expect((await stat(join(box.directory, 'ten'))).size).toBe(10)
  })

  it('that is full is told', async () => {
    const { url } = await put('full-stdout', 1 * MiB)
    const result = await box.shell('exec "$@" > /dev/full', [url, ...stdout])
    expect(result).toMatchObject({ code: 7, stderr: expect.stringMatching(oneLine) })
  })

  it('whose reader stops reading does not keep dfget from ending', async () => {
    const { url } = await put('stuck', 20 * MiB)
    const result = await box.shell('"$@" --timeout 2s | { sleep 8; cat > rest; }', [
      ...[url, ...stdout],
    ])
    expect(result.stderr).toContain('not done within 2s')
  })

  it('takes the events when the content goes elsewhere, even to /dev/null', async () => {
    const { url } = await put('dev-null', 1 * MiB)
    const result = await box.run([url, '-O', '/dev/null', '--json', ...alone])
    expect(result).toMatchObject({ code: 0, stderr: '' })
    const events = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event)
    expect(events).toEqual(['start', 'done'])
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true)
  })
})

it('a terminal gets a bar that redraws itself', async () => {
  const { url } = await put('bar', 4 * MiB)
  origin.faults.set({ match: '', bps: 4 * MiB })
  const script = 'script --quiet --return --command "$*" typescript'
  const result = await box.shell(script, [url, '-O', 'out', '--daemon', 'none'])
  expect(result.code, result.stderr).toBe(0)
  expect(result.stdout).toMatch(/\r *\d+% +\[=*> *\] .* of 4 MiB .*MiB\/s.*ETA/)
  expect(result.stdout).toContain('\x1b[Kout: 4 MiB in ')
})

describe('certificates', () => {
  it('of private authorities: --supernode-ca for a SuperNode, --cacert or --insecure for an origin', async () => {
    const ca = await makeCa(await lab.folder('ca'))
    const { key, cert, keyPath, certPath } = await ca.issue('localhost', '127.0.0.1')
    const secure = await startFileOrigin({ tls: { key, cert } })
    const source = generatedSource('secure', 3 * MiB)
    secure.files.set('/file', source)
    const url = `${secure.url.replace('http:', 'https:')}/file`
    try {
      const refused = await box.run([url, '-O', 'a', ...alone])
      expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining('--cacert') })
      expect(refused.stderr).toMatch(oneLine)
      for (const [name, flags] of [
        ['b', ['--cacert', ca.certificatePath]],
        ['c', ['--insecure']],
      ] as const) {
        expect(await box.run([url, '-O', name, ...alone, ...flags])).toMatchObject({ code: 0 })
        expect(await digestOfFile(name)).toBe(await digestOf(source))
      }
    } finally {
      await secure.stop()
    }

    const args = ['--tls-cert', certPath, '--tls-key', keyPath]
    const overTls = await lab.supernode({ args })
    const { url: plainUrl, digest } = await put('over-tls', 3 * MiB)
    const at = ['--supernode', overTls.url, '--supernode-ca', ca.certificatePath, '--no-progress']
    const result = await box.run([plainUrl, '-O', 'd', ...at])
    expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('seed 100%') })
    expect(await digestOfFile('d')).toBe(digest)
  })
})

async function daemon(): Promise<TestProgram> {
  return await lab.dfdaemon({
    supernodeUrl: supernode.url,
    upstreamUrl: origin.url,
    args: ['--allow-origin', '127.0.0.0/8'],
  })
}

async function until(process: Daemon, isSo: () => boolean): Promise<void> {
  await process.until(() => isSo() || undefined, 30_000)
}

async function peakMemoryBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}
