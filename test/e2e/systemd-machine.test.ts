import { copyFile, cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { guideBlocks, type SystemdMachine, startSystemdMachine } from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installPrograms } from '../support/installed-programs.ts'
import { Lab } from '../support/lab.ts'

const repository = join(import.meta.dirname, '../..')
const services = ['dragonfly-supernode', 'dragonfly-dfdaemon', 'dragonfly-dfdaemon-watchdog']
const patience = { timeout: 20_000, interval: 200 }
const mirror = 'http://127.0.0.1:65001/'
const containerdHosts = '/etc/containerd/certs.d/docker.io/hosts.toml'

let lab: Lab
let machine: SystemdMachine

beforeAll(async () => {
  lab = await Lab.open()
  const localPath = await installPrograms(await lab.folder('programs'))
  await copyFile(process.execPath, join(localPath, 'bin/node'))
  machine = lab.keep(await startSystemdMachine({ directory: await lab.folder('m'), localPath }))
  await cp(join(repository, 'deploy'), join(machine.root, 'root/deploy'), { recursive: true })
  // Its own waits are as long as real ones.
  const start = 'ExecStart=\nExecStart=dfdaemon watchdog --after 1s --back 1s\n'
  await write(
    '/etc/systemd/system/dragonfly-dfdaemon-watchdog.service.d/fast.conf',
    `[Service]\n${start}`,
  )
  await systemctl('start', 'docker')
})

afterAll(() => lab.close())

describe('the units of deploy/systemd, under systemd', { retry: 0 }, () => {
  it('start as docs/guide/systemd.md says, and dfdaemon finds the SuperNode', async () => {
    const blocks = guideBlocks(await guide('systemd')).filter((block) =>
      block.startsWith('npm i -g'),
    )
    expect(blocks).toHaveLength(2)
    for (const block of blocks) {
      // The packages are installed already.
      const commands = block.replace(/^npm .*\n/, '').replace('10.0.0.5', '127.0.0.1')
      await machine.runOk(['sh', '-e', '-c', `cd /root\n${commands}`])
    }
    await expect.poll(() => readiness(), patience).toContain('"connected":true')
    for (const service of services) expect(await property(service, 'ActiveState')).toBe('active')
  })

  it.each([
    ['dragonfly-supernode', 'supernode'],
    ['dragonfly-dfdaemon', 'dfdaemon'],
  ])('%s is a user of its own, and its data are nobody else’s', async (service, folder) => {
    const { uid } = await stat(join(machine.root, 'proc', await property(service, 'MainPID')))
    expect(uid).toBeGreaterThan(60_000)
    const data = await stat(join(machine.root, 'var/lib/private/dragonfly', folder))
    expect([data.uid, data.mode & 0o777]).toEqual([uid, 0o700])
  })

  it.each(services)('%s comes back after a kill -9', async (service) => {
    const pid = await property(service, 'MainPID')
    await machine.runOk(['kill', '-KILL', pid])
    await expect.poll(() => property(service, 'NRestarts'), patience).toBe('1')
    expect(await property(service, 'MainPID')).not.toBe(pid)
    await expect.poll(() => readiness(), patience).toContain('"connected":true')
  })

  it('read their configuration again at a reload', async () => {
    for (const service of ['dragonfly-supernode', 'dragonfly-dfdaemon']) {
      await systemctl('reload', service)
      await expect.poll(() => journal(service), patience).toContain('configuration read again')
    }
  })
})

describe('secrets of root', { retry: 0 }, () => {
  it('come to dfdaemon by the lines of docs/guide/systemd.md', async () => {
    const genCa = ['dfdaemon', 'gen-ca', '--out', '/etc/dragonfly/ca', '--host', 'registry.lan']
    await machine.runOk(genCa)
    const lines = /^ +\[Service\]\n(?: +\S+=.*\n)+/m.exec(await guide('systemd'))?.[0] ?? ''
    await write('/etc/systemd/system/dragonfly-dfdaemon.service.d/override.conf', lines)
    await systemctl('daemon-reload')
    await systemctl('restart', 'dragonfly-dfdaemon')
    await expect.poll(() => readiness(), patience).toContain('"connected":true')
    // It does not start without the key, which is root's.
    const { uid, mode } = await stat(join(machine.root, 'etc/dragonfly/ca/ca.key'))
    expect([uid, mode & 0o777]).toEqual([0, 0o600])
    expect(await environmentOf('dragonfly-dfdaemon')).toMatch(/^DFDAEMON_PROXY__CA_KEY=\/run\//m)
  })
})

describe('engines of a machine with systemd', { retry: 0 }, () => {
  it('are set up and restarted by setup', async () => {
    await machine.runOk(['dfdaemon', 'setup', 'docker', 'containerd', '--yes'])
    await machine.runOk(['dfdaemon', 'undo', '--yes'])
    await systemctl('start', 'containerd')
    const setup = ['dfdaemon', 'setup', 'docker', 'containerd', '--yes', '--restart']
    const said = await machine.runOk(setup)
    expect(said).toMatch(/^docker \(process \d+\) has read it again$/m)
    expect(said).toMatch(/^containerd has been restarted$/m)
    expect(await dockerInfo('{{.RegistryConfig.Mirrors}}')).toBe(`[${mirror}]`)
  })

  it('lose the mirror while dfdaemon is stopped, and have it back afterwards', async () => {
    await systemctl('stop', 'dragonfly-dfdaemon')
    await expect.poll(() => dockerInfo('{{.RegistryConfig.Mirrors}}'), patience).toBe('[]')
    await expect.poll(() => isThere(containerdHosts), patience).toBe(false)
    await systemctl('start', 'dragonfly-dfdaemon')
    await expect.poll(() => dockerInfo('{{.RegistryConfig.Mirrors}}'), patience).toBe(`[${mirror}]`)
    await expect.poll(() => isThere(containerdHosts), patience).toBe(true)
  })

  it('docker uses the proxy with the drop-in of docs/guide/proxy.md', async () => {
    const text = await guide('proxy')
    const dropIn = guideBlocks(text).find((block) => block.startsWith('[Service]')) ?? ''
    const [path = ''] = /\/etc\/systemd\/system\/[\w./]+\.conf/.exec(text) ?? []
    const [command = ''] = /systemctl daemon-reload[^`]+/.exec(text) ?? []
    await write(path, dropIn)
    await machine.runOk(['sh', '-c', command])
    expect(await dockerInfo('{{.HTTPSProxy}}')).toBe(mirror.slice(0, -1))
  })
})

describe('a stop', { retry: 0 }, () => {
  it('ends all of them by themselves, within their 5 s', async () => {
    const beganMs = performance.now()
    await systemctl('stop', ...services)
    expect(performance.now() - beganMs).toBeLessThan(6000)
    for (const service of services) {
      expect(await property(service, 'Result')).toBe('success')
      expect(await property(service, 'ExecMainStatus')).toBe('0')
    }
  })
})

describe('the way back of docs/guide/systemd.md', { retry: 0 }, () => {
  it('leaves engines as they were, and nothing of ours', async () => {
    await systemctl('start', ...services)
    await expect.poll(() => readiness(), patience).toContain('"connected":true')
    const blocks = guideBlocks(await guide('systemd'))
    const block = blocks.find((lines) => lines.startsWith('dfdaemon undo')) ?? ''
    // Both programs are on this machine, and stay installed.
    const commands = block
      .replace('dfdaemon undo', 'dfdaemon undo --yes')
      .replace('disable --now', 'disable --now dragonfly-supernode')
      .replace(/^npm .*\n/m, '')
    await machine.runOk(['sh', '-e', '-c', commands])
    await systemctl('restart', 'docker')
    expect(await dockerInfo('{{.RegistryConfig.Mirrors}}')).toBe('[]')
    const places = ['/etc', '/var/lib', '/run']
    const ours = ['-name', '*dragonfly*', '-o', '-name', 'hosts.toml', '-o', '-name', 'daemon.json']
    const found = await machine.runOk(['find', ...places, '-xdev', ...ours])
    expect(found.trim()).toBe('')
    const { stdout } = await machine.run(['systemctl', 'list-unit-files', 'dragonfly*'])
    expect(stdout).toContain('0 unit files')
  })
})

function guide(name: string): Promise<string> {
  return readFile(join(repository, `docs/guide/${name}.md`), 'utf8')
}

async function systemctl(...words: string[]): Promise<void> {
  await machine.runOk(['systemctl', ...words])
}

function property(service: string, name: string): Promise<string> {
  return machine.runOk(['systemctl', 'show', '--property', name, '--value', service])
}

async function environmentOf(service: string): Promise<string> {
  const pid = await property(service, 'MainPID')
  const text = await readFile(join(machine.root, 'proc', pid, 'environ'), 'utf8')
  return text.replaceAll('\0', '\n')
}

function journal(service: string): Promise<string> {
  return machine.runOk(['journalctl', '--unit', service, '--no-pager'])
}

async function readiness(): Promise<string> {
  return (await machine.run(['curl', '--silent', `${mirror}readyz`])).stdout
}

function dockerInfo(format: string): Promise<string> {
  return machine.runOk(['docker', 'info', '--format', format])
}

async function isThere(path: string): Promise<boolean> {
  return (await machine.run(['test', '-e', path])).code === 0
}

async function write(path: string, text: string): Promise<void> {
  const place = join(machine.root, path)
  await mkdir(dirname(place), { recursive: true })
  await writeFile(place, text)
}
