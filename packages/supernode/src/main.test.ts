import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TaskInfo } from '@df/proto'
import { replay } from '@df/scheduling'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { spawnSupernode } from './test-support/child.ts'
import { TestHost } from './test-support/host.ts'
import { startOrigin } from './test-support/origin.ts'
import { blobSample, MiB } from './test-support/sample.ts'

let dataDir: string
let args: string[]

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'df-supernode-'))
  args = ['--listen', '127.0.0.1:0', '--data-dir', dataDir, '--allow-origin', '127.0.0.1']
})
afterEach(async () => {
  await rm(dataDir, { recursive: true, force: true })
})

async function waitFor(url: string, task: string, fits: (info: TaskInfo) => boolean) {
  await vi.waitUntil(
    async () => {
      const response = await fetch(`${url}/api/v1/tasks/${task}`)
      return response.ok && fits((await response.json()) as TaskInfo)
    },
    { timeout: 15_000 },
  )
}

describe('the program', () => {
  it('says when it can serve, and ends with 0 at SIGTERM', async () => {
    await using program = await spawnSupernode(args)
    expect((await fetch(`${program.url}/readyz`)).status).toBe(200)
    await using host = await TestHost.connect(program.url)
    const askedAt = performance.now()
    expect(await program.end('SIGTERM')).toBe(0)
    expect(performance.now() - askedAt).toBeLessThan(5000)
    await vi.waitUntil(() => host.socket.readyState === host.socket.CLOSED)
  })

  it('is one per data directory', async () => {
    await using _first = await spawnSupernode(args)
    await expect(spawnSupernode(args)).rejects.toThrow(/ended with 8: .*another process/s)
  })

  it('keeps its key to itself, and stays who it is', async () => {
    const idOf = async () => {
      await using program = await spawnSupernode(args)
      await using host = await TestHost.connect(program.url)
      const { supernode, publicKey } = await host.next('welcome')
      return { supernode, publicKey }
    }
    const before = await idOf()
    expect(((await stat(join(dataDir, 'signing-key.pem'))).mode & 0o777).toString(8)).toBe('600')
    expect(await idOf()).toEqual(before)
  })

  it('killed while it reads goes on where it was', async () => {
    const { content, identity } = blobSample(24 * MiB)
    await using origin = await startOrigin({ content, bps: 12 * MiB })
    let id = ''
    for (let kill = 0; kill < 3; kill++) {
      await using program = await spawnSupernode(args)
      await using host = await TestHost.connect(program.url)
      id = host.join(identity, `${origin.url}/blob`)
      await host.next('task')
      const wanted = (kill + 1) * 60
      await waitFor(program.url, id, ({ seedPieces }) => seedPieces >= wanted)
      await program.end('SIGKILL')
    }
    await using program = await spawnSupernode(args)
    await using host = await TestHost.connect(program.url)
    host.join(identity, `${origin.url}/blob`)
    const task = await host.next('task')
    await waitFor(program.url, id, ({ state }) => state === 'complete')
    expect((await host.fetch(task)).body.equals(content)).toBe(true)
    // Each kill costs at most what was on its way and not recorded yet.
    expect(origin.sentBytes()).toBeLessThan(content.length + 3 * 4 * MiB)
  })

  it('records what the scheduler is told, when asked to', async () => {
    const { content, identity } = blobSample(MiB)
    await using origin = await startOrigin({ content })
    await using program = await spawnSupernode([...args, '--scheduler.record-events'])
    await using host = await TestHost.connect(program.url)
    host.join(identity, `${origin.url}/blob`, { headers: { authorization: 'Basic c2VjcmV0' } })
    await host.next('plan')
    expect(await program.end('SIGTERM')).toBe(0)
    const log = await readFile(join(dataDir, 'scheduler-events.jsonl'), 'utf8')
    const turns = [...replay(log.trimEnd().split('\n'))]
    expect(turns.map(({ event }) => event.type)).toEqual(
      expect.arrayContaining(['join', 'task-ready']),
    )
    expect(turns.flatMap(({ commands }) => commands)).toMatchObject([
      { type: 'plan', host: host.id },
    ])
    expect(log + program.stderr()).not.toContain('c2VjcmV0')
  })
})
