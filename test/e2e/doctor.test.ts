import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  freePort,
  makeCa,
  programCommand,
  run,
  runOk,
  startFaultyProxy,
  startRegistry,
  type TestRegistry,
} from '@df/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Lab, type TestProgram } from '../support/lab.ts'

let lab: Lab
let registry: TestRegistry
let supernode: TestProgram
let daemon: TestProgram
/** Stands for / when engines' files are looked at. */
let root: string

beforeAll(async () => {
  lab = await Lab.open()
  registry = lab.keep(await startRegistry())
  supernode = await lab.supernode()
  daemon = await lab.dfdaemon({ supernodeUrl: supernode.url, upstreamUrl: registry.url })
  root = await lab.folder('root')
})

afterAll(() => lab.close())

/** Of flags that doctor takes once, those of the test count. */
const usually = (): [flag: string, value: string][] => [
  ['--supernode', supernode.url],
  ['--upstream', registry.url],
  ['--data-dir', daemon.dataDir],
  ['--root', root],
  ['--listen', new URL(daemon.url).host],
]

/** Exit code, and the lines that are neither well nor skipped, with their mends. */
async function doctor(...more: string[]): Promise<{ code: number | null; trouble: string }> {
  const result = await run([
    ...programCommand('dfdaemon'),
    'doctor',
    ...usually().flatMap(([flag, value]) => (more.includes(flag) ? [] : [flag, value])),
    ...more,
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

it('a hosts.toml that was changed by hand is named, and the mend makes it well', async () => {
  const hostsToml = join(root, 'etc/containerd/certs.d/docker.io/hosts.toml')
  const setup = ['--yes', '--mirror', daemon.url]
  await runOk([...programCommand('dfdaemon'), 'setup', 'containerd', '--root', root, ...setup])
  const asSetUp = await readFile(hostsToml, 'utf8')
  expect(await doctor('--only', 'engines')).toEqual({ code: 0, trouble: '' })

  await writeFile(hostsToml, `${asSetUp}[host."http://`)
  const torn = await doctor('--only', 'engines')
  expect(torn.code).toBe(1)
  expect(torn.trouble).toMatch(
    /^engines error: containerd: \/etc\/.*\/hosts\.toml is not TOML: line \d+, .* → mend it/,
  )

  await writeFile(hostsToml, asSetUp.slice(0, asSetUp.indexOf('[host.')))
  const broken = await doctor('--only', 'engines')
  expect(broken.code).toBe(1)
  expect(broken.trouble).toMatch(/^engines error: containerd: [^\n]+ → dfdaemon setup containerd /)
  const [, mend = ''] = /→ dfdaemon (setup containerd --root \S+?)(,|$)/.exec(broken.trouble) ?? []
  await runOk([...programCommand('dfdaemon'), ...mend.split(' '), ...setup])
  expect(await readFile(hostsToml, 'utf8')).toContain(`[host."${daemon.url}"]`)
  expect(await doctor('--only', 'engines')).toEqual({ code: 0, trouble: '' })
})

it('a full disk is named with its mend', async () => {
  const place = await lab.folder('full')
  const script =
    'mount -t tmpfs -o size=8m none "$1" && ! head -c 9M /dev/zero > "$1/ballast" && shift && exec "$@"'
  const command = [...programCommand('dfdaemon'), 'doctor', '--only', 'disk', '--data-dir', place]
  const result = await run(['unshare', '--mount', 'sh', '-c', script, 'sh', place, ...command])
  expect(result.code, result.stderr).toBe(1)
  expect(result.stdout).toMatch(/disk +error .* 0 B of 8 MiB free/)
  expect(result.stdout).toContain('free space, lower --cache.quota, or choose another --data-dir')
})

it.each([
  ['ahead of', 10],
  ['behind', -10],
])(
  'a registry and a SuperNode whose clock is 10 minutes %s ours are named',
  async (words, minutes) => {
    const date = new Date(Date.now() + minutes * 60_000).toUTCString()
    const faults = [{ match: '.*', headers: { date } }]
    const [wrongRegistry, wrongSupernode] = await Promise.all(
      [registry, supernode].map(async ({ url: upstream }) =>
        lab.keep(await startFaultyProxy({ upstream, faults })),
      ),
    )
    const clock = ['--only', 'clock']
    const lying = `its clock is (59[5-9]|60[0-9]) s ${words} this host's → set the clock: timedatectl .*`
    const atRegistry = await doctor('--upstream', `${wrongRegistry?.url}`, ...clock)
    expect(atRegistry.code).toBe(1)
    expect(atRegistry.trouble).toMatch(
      new RegExp(`^clock error: ${wrongRegistry?.url}: ${lying} there \\(others agree .*\\)$`),
    )
    const atSupernode = await doctor('--supernode', `${wrongSupernode?.url}`, ...clock)
    expect(atSupernode.code).toBe(1)
    expect(atSupernode.trouble).toMatch(
      new RegExp(`^clock error: ${wrongSupernode?.url}: ${lying}`),
    )
  },
)

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
