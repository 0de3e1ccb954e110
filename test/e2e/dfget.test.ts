import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Daemon, digestOf, type FileOrigin, fileSource, startFileOrigin } from '@df/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DfgetBox, oneErrorLine, putFile } from '../support/dfget.ts'
import { Lab, type TestProgram } from '../support/lab.ts'
import { peakMemoryBytes } from '../support/process-stat.ts'

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
      // A process that is ending has none any more.
      const sampledBytes = await peakMemoryBytes(dfget.pid).catch(() => 0)
      peakBytes = Math.max(peakBytes, sampledBytes)
    }
    const watch = setInterval(() => void sample(), 200)
    const exit = await dfget.exited
    clearInterval(watch)
    expect(exit, dfget.stderr).toMatchObject({ code: 0 })
    expect(await box.digestOf('out')).toBe(await digestOf(source))
    expect(peakBytes).toBeGreaterThan(0)
    expect(peakBytes).toBeLessThan(250 * MiB)
    expect(await box.unfinished()).toEqual([])
  })

  const pieceBytes = 64 * 1024
  it.each([0, 1, pieceBytes - 1, pieceBytes, pieceBytes + 1, 40 * MiB + 1])(
    '%i bytes arrive through a SuperNode',
    async (sizeBytes) => {
      const { url, digest } = await putFile(origin, `swarm-${sizeBytes}`, sizeBytes)
      expect(await box.run([url, '-O', 'out', '--digest', digest, ...swarm()])).toMatchObject({
        code: 0,
        stdout: '',
        stderr: expect.stringMatching(/^out: [^\n]+\n$/),
      })
      expect(await box.digestOf('out')).toBe(digest)
    },
  )

  it.each([
    ['no Range', { match: '', noRange: true }],
    ['no length', { match: '', noLength: true }],
    ['neither', { match: '', noRange: true, noLength: true }],
  ] as const)('%s at the origin is no matter to the swarm', async (name, fault) => {
    origin.faults.set(fault)
    const { url, digest } = await putFile(origin, `swarm ${name}`.replaceAll(' ', '-'), 3 * MiB)
    expect(await box.run([url, '-O', 'out', ...swarm()])).toMatchObject({ code: 0 })
    expect(await box.digestOf('out')).toBe(digest)
  })
})

describe('ten at once', () => {
  const names = Array.from({ length: 10 }, (_, index) => `out-${index}`)

  it('as ten peers share what they read', async () => {
    const { url, digest, source } = await putFile(origin, 'ten-peers', 30 * MiB)
    const runs = await Promise.all(names.map((name) => box.run([url, '-O', name, ...swarm()])))
    for (const run of runs) expect(run).toMatchObject({ code: 0 })
    for (const name of names) expect(await box.digestOf(name)).toBe(digest)
    // On a busy machine a process may wait so long for its turn that it goes to the origin itself.
    expect(origin.log.sentBytes()).toBeLessThan(2.5 * source.sizeBytes)
  })

  it("through the host's dfdaemon read the origin once", async () => {
    const { url, digest, source } = await putFile(origin, 'ten-daemon', 30 * MiB)
    const dfdaemon = await daemon()
    const runs = await Promise.all(
      names.map((name) => box.run([url, '-O', name, '--daemon', dfdaemon.url, '--no-progress'])),
    )
    for (const run of runs) expect(run).toMatchObject({ code: 0 })
    for (const name of names) expect(await box.digestOf(name)).toBe(digest)
    expect(origin.log.sentBytes()).toBeLessThan(1.1 * source.sizeBytes)
  })
})

describe('what dies on the way', () => {
  it('dfget itself, by kill -9: the same command goes on where it was', async () => {
    const { url, digest, source } = await putFile(origin, 'resume', 40 * MiB)
    origin.faults.set({ match: '', bps: 8 * MiB })
    const args = [url, '-O', 'out', '--digest', digest, ...alone]
    const first = box.start(args)
    await until(first, () => origin.log.sentBytes() > source.sizeBytes / 2)
    await first.kill()
    expect(await box.files()).toEqual([])
    expect(await box.unfinished()).toHaveLength(1)

    origin.faults.clear()
    origin.log.clear()
    const second = await box.run(args)
    expect(second).toMatchObject({ code: 0, stderr: expect.stringContaining('from before') })
    expect(origin.log.sentBytes()).toBeLessThan(0.75 * source.sizeBytes)
    expect(await box.digestOf('out')).toBe(digest)
    expect(await box.unfinished()).toEqual([])
  })

  it('the SuperNode: the download goes on', async () => {
    const { url, digest } = await putFile(origin, 'supernode-dies', 30 * MiB)
    const other = await lab.supernode()
    origin.faults.set({ match: '', bps: 8 * MiB })
    const dfget = box.start([url, '-O', 'out', '--supernode', other.url, '--no-progress'])
    await until(dfget, () => origin.log.sentBytes() > 10 * MiB)
    await other.daemon.kill()
    origin.faults.clear()
    expect(await dfget.exited, dfget.stderr).toMatchObject({ code: 0 })
    expect(await box.digestOf('out')).toBe(digest)
  })

  it.each([false, true])(
    "the host's dfdaemon: a file is brought to its end (with a digest: %s)",
    async (isGiven) => {
      const { url, digest } = await putFile(origin, `daemon-dies-${isGiven}`, 30 * MiB)
      const dfdaemon = await daemon()
      origin.faults.set({ match: '', bps: 4 * MiB })
      const given = isGiven ? ['--digest', digest] : []
      const dfget = box.start([
        url,
        '-O',
        'out',
        '--daemon',
        dfdaemon.url,
        '--no-progress',
        ...given,
      ])
      await until(dfget, async () => (await box.writtenBytes()) > 2 * MiB)
      await dfdaemon.daemon.kill()
      origin.faults.clear()
      expect(await dfget.exited, dfget.stderr).toMatchObject({ code: 0 })
      expect(dfget.stderr).toContain('going on without it')
      expect(await box.digestOf('out')).toBe(digest)
      expect(await box.files()).toEqual(['out'])
    },
  )

  it('standard output goes on too, byte for byte, when the dfdaemon dies', async () => {
    const { url, digest } = await putFile(origin, 'daemon-dies-stdout', 20 * MiB)
    const dfdaemon = await daemon()
    origin.faults.set({ match: '', bps: 4 * MiB })
    const args = [url, '-O', '-', '--daemon', dfdaemon.url, '--no-progress']
    const running = box.shell('"$@" > copy', args)
    while ((await box.writtenBytes()) < 2 * MiB) await sleep(20)
    await dfdaemon.daemon.kill()
    origin.faults.clear()
    expect(await running).toMatchObject({ code: 0, stderr: expect.stringContaining('going on') })
    expect(await box.digestOf('copy')).toBe(digest)
  })

  it('SIGTERM and SIGINT end it with 143 and 130, and leave what can be gone on with', async () => {
    const { url } = await putFile(origin, 'signals', 40 * MiB)
    origin.faults.set({ match: '', bps: 8 * MiB })
    for (const [signal, code] of [
      ['SIGTERM', 143],
      ['SIGINT', 130],
    ] as const) {
      origin.log.clear()
      const dfget = box.start([url, '-O', 'out', ...alone])
      await until(dfget, () => origin.log.sentBytes() > 10 * MiB)
      dfget.signal(signal)
      expect(await dfget.exited, dfget.stderr).toMatchObject({ code })
      expect(dfget.stderr).toMatch(oneErrorLine)
      expect(await box.files()).toEqual([])
      expect(await box.unfinished()).toHaveLength(1)
    }
  })
})

describe('a SuperNode that cannot be reached costs nothing worth a word', () => {
  it.each([
    ['refuses', 'http://127.0.0.1:1'],
    ['is nowhere', 'http://192.0.2.1:8002'],
  ])('%s', async (_, url) => {
    const { url: from, digest } = await putFile(origin, 'no-supernode', 5 * MiB)
    const result = await box.run([from, '-O', 'out', '--supernode', url, '--no-progress'])
    expect(result).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^out: .*origin 100%, .*floor/m),
    })
    expect(result.durationMs).toBeLessThan(5000)
    expect(await box.digestOf('out')).toBe(digest)
  })
})

async function daemon(): Promise<TestProgram> {
  return await lab.dfdaemon({
    supernodeUrl: supernode.url,
    upstreamUrl: origin.url,
    args: ['--allow-origin', '127.0.0.0/8'],
  })
}

async function until(process: Daemon, isSo: () => boolean | Promise<boolean>): Promise<void> {
  await process.until(async () => (await isSo()) || undefined, 30_000)
}
