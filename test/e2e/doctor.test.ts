import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, makeCa, programCommand, run, startRegistry } from '@df/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Lab, type TestProgram } from '../support/lab.ts'

let lab: Lab
let supernode: TestProgram
let daemon: TestProgram
let flags: string[]

beforeAll(async () => {
  lab = await Lab.open()
  const registry = lab.keep(await startRegistry())
  supernode = await lab.supernode()
  daemon = await lab.dfdaemon({ supernodeUrl: supernode.url, upstreamUrl: registry.url })
  flags = [
    ...['--supernode', supernode.url, '--upstream', registry.url, '--data-dir', daemon.dataDir],
    ...['--root', await lab.folder('root')],
  ]
})

afterAll(() => lab.close())

/** Exit code, and the lines that are neither well nor skipped, with their mends. */
async function doctor(...more: string[]): Promise<{ code: number | null; trouble: string }> {
  const result = await run([
    ...programCommand('dfdaemon'),
    'doctor',
    ...flags,
    ...listen(more),
    '--json',
  ])
  const { findings } = JSON.parse(result.stdout) as {
    findings: { check: string; level: string; message: string; mend?: string }[]
  }
  const trouble = findings
    .filter(({ mend }) => mend !== undefined)
    .map(({ check, level, message, mend }) => `${check} ${level}: ${message} → ${mend}`)
  return { code: result.code, trouble: trouble.join('\n') }
}

/** A flag may be given once: the mirror's own address, unless the test has another. */
function listen(more: readonly string[]): string[] {
  return more.includes('--listen') ? [...more] : ['--listen', new URL(daemon.url).host, ...more]
}

it('a healthy host ends with 0, and finds no error', async () => {
  const { code, trouble } = await doctor()
  expect(code, trouble).toBe(0)
})

it('a certificate that has ended, and a folder that is read-only, are named with their mends', async () => {
  const ca = await makeCa(await lab.folder('ca'))
  const { certPath } = await ca.issueExpired('supernode.lan')
  const ended = await doctor('--supernode-ca', certPath, '--only', 'certificates')
  expect(ended.code).toBe(1)
  expect(ended.trouble).toMatch(/certificates error: .* ended on .* → replace it in /)

  const place = await lab.folder('read-only')
  await mkdir(join(place, 'data'))
  const script = 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"'
  const command = [...programCommand('dfdaemon'), 'doctor', '--only', 'disk', '--data-dir', place]
  const result = await run(['unshare', '--mount', 'sh', '-c', script, 'sh', place, ...command])
  expect(result.code).toBe(1)
  expect(result.stdout).toContain('remount,rw')
})

it('a port that another program has is named with its holder', async () => {
  const held = new URL(supernode.url).host
  const free = `127.0.0.1:${await freePort()}`
  const { code, trouble } = await doctor('--only', 'ports', '--listen', held, '--peer-listen', free)
  expect(code).toBe(1)
  expect(trouble).toMatch(/ports error: .*held by .* \(process \d+\).* → stop process \d+/)
})

it('a SuperNode that is gone is named with how to start it; started again, the host is healthy', async () => {
  const listen = new URL(supernode.url).host
  await supernode.daemon.kill()
  const gone = await doctor()
  expect(gone.code).toBe(1)
  expect(gone.trouble).toMatch(
    /supernode error: .*nothing listens there → start it \(supernode --listen /,
  )
  await lab.supernode({ listen, dataDir: supernode.dataDir })
  await expect.poll(async () => (await doctor()).code, { timeout: 20_000 }).toBe(0)
})
