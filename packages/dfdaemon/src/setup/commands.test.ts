import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import type { Command, CommandIo } from '@df/kit'
import { type TempDirectory, tempDirectory } from '@df/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { setupCommand } from './setup-command.ts'
import { undoCommand } from './undo-command.ts'

const setup = setupCommand(() => {})
const undo = undoCommand(() => {})
const daemonJson = '/etc/docker/daemon.json'
const original = '{ "debug": true }\n'

let temp: TempDirectory
let dfdaemon: Server
let mirror: string

beforeEach(async () => {
  temp = await tempDirectory()
  dfdaemon = createServer((_, answer) => answer.end('ok\n'))
  await new Promise<void>((resolve) => dfdaemon.listen(0, '127.0.0.1', resolve))
  mirror = `http://127.0.0.1:${(dfdaemon.address() as AddressInfo).port}`
  put(daemonJson, original)
})
afterEach(async () => {
  dfdaemon.close()
  await temp.remove()
})

function put(path: string, text: string): void {
  mkdirSync(dirname(join(temp.path, path)), { recursive: true })
  writeFileSync(join(temp.path, path), text)
}

const read = (path: string) => readFileSync(join(temp.path, path), 'utf8')

interface Ran {
  code: number
  stdout: string
  stderr: string
}

/** `answer` is what a user at a terminal types; absent: nobody is there. */
async function run(command: Command, words: string[], answer?: string): Promise<Ran> {
  const ran: Ran = { code: -1, stdout: '', stderr: '' }
  const columns = answer === undefined ? undefined : 80
  const io: CommandIo = {
    stdin: Object.assign(Readable.from(answer === undefined ? [] : [answer]), {
      isTTY: answer !== undefined,
    }),
    stdout: { columns, write: (text) => void (ran.stdout += text) },
    stderr: { columns, write: (text) => void (ran.stderr += text) },
    env: {},
    cwd: '/',
    uid: 0,
    signal: new AbortController().signal,
    version: '1.2.3',
  }
  ran.code = await command.run([...words, '--root', temp.path], io)
  return ran
}

describe('setup', () => {
  test('shows the difference, and writes after a yes', async () => {
    const { code, stdout, stderr } = await run(setup, ['docker', '--mirror', mirror], 'y\n')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`--- ${daemonJson}\n+++ ${daemonJson}\n@@`)
    expect(stdout).toContain('+  "registry-mirrors": [\n')
    expect(stdout).toContain('Write this? [y/N] ')
    expect(JSON.parse(read(daemonJson))).toEqual({ debug: true, 'registry-mirrors': [mirror] })
  })

  test.each([['n\n'], ['\n'], ['yep\n'], ['']])('changes nothing after %j', async (answer) => {
    const { code, stdout } = await run(setup, ['docker', '--mirror', mirror], answer)
    expect(code).toBe(2)
    expect(stdout).toMatch(/nothing was changed\n$/)
    expect(read(daemonJson)).toBe(original)
  })

  test('without a terminal it says how to go on, and ends with 2', async () => {
    const { code, stdout, stderr } = await run(setup, ['docker', '--mirror', mirror])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'nothing was changed: say --yes to write without being asked\n',
    })
    expect(stdout).toContain(`+++ ${daemonJson}`)
    expect(read(daemonJson)).toBe(original)
  })

  test('--dry-run shows the difference only', async () => {
    const { code, stdout } = await run(setup, ['docker', '--mirror', mirror, '--dry-run'])
    expect(code).toBe(0)
    expect(stdout).toContain(`+++ ${daemonJson}`)
    expect(read(daemonJson)).toBe(original)
  })

  test('the second time it has nothing to do, and asks nothing', async () => {
    await run(setup, ['docker', '--mirror', mirror, '--yes'])
    expect(await run(setup, ['docker', '--mirror', mirror])).toEqual({
      code: 0,
      stdout: 'docker: nothing to do\n',
      stderr: '',
    })
  })

  test('takes the address from the configuration of dfdaemon, and warns when nobody is there', async () => {
    const words = ['docker', '--listen', '0.0.0.0:1', '--yes', '--no-reload']
    const { stdout, stderr } = await run(setup, words)
    expect(stderr).toMatch(/^warning: no dfdaemon answers at http:\/\/127.0.0.1:1 \(/)
    expect(stdout).toMatch(/docker reads it after: systemctl reload docker/)
    expect(read(daemonJson)).toContain('"http://127.0.0.1:1"')
  })

  test('--check makes an error of it', async () => {
    await expect(
      run(setup, ['docker', '--mirror', 'http://127.0.0.1:1', '--check', '--yes']),
    ).rejects.toThrow(expect.objectContaining({ code: 'DAEMON_UNREACHABLE' }))
    expect(read(daemonJson)).toBe(original)
  })

  test.each([
    [['docker', '--mirror', 'http://u@h:1/x'], /--mirror has more than a host and a port/],
    [['docker', '--listen', '127.0.0.1:0'], /listens at 127.0.0.1:0, another port each time/],
    [['dokcer'], /'dokcer' is not one of docker, containerd, podman, crio/],
    [[], /setup needs docker\|containerd\|podman\|crio/],
  ])('%j is one clear error', async (words, what) => {
    await expect(run(setup, words)).rejects.toThrow(what)
  })

  test('one engine that cannot be set up keeps the others as they are', async () => {
    put('/etc/containerd/config.toml', 'version = \n')
    await expect(run(setup, ['docker', 'containerd', '--mirror', mirror, '--yes'])).rejects.toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/config.toml is not TOML/),
        hint: 'mend it; nothing was changed',
      }),
    )
    expect(read(daemonJson)).toBe(original)
  })

  test('passwords beside our lines are not shown', async () => {
    put(
      '/etc/containerd/config.toml',
      'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.configs."r.lan".auth]\npassword = "hunter2"\n',
    )
    const { stdout } = await run(setup, ['containerd', '--mirror', mirror, '--dry-run'])
    expect(stdout).toContain('password = "…"')
    expect(stdout).not.toContain('hunter2')
  })

  test('podman and CRI-O are one: who is set up with either is told to the reload', async () => {
    await run(setup, ['podman', '--mirror', mirror, '--yes'])
    const { stdout } = await run(setup, ['crio', '--mirror', mirror, '--yes'])
    expect(stdout).toBe('podman and CRI-O: nothing to do\n')
    const undone = await run(undo, ['podman', '--yes'])
    expect(undone.stdout).toContain('CRI-O does not run here: it reads it when it starts\n')
  })

  test('podman does not say which registry it means: it gets the one of --upstream', async () => {
    const words = ['podman', '--mirror', mirror, '--dry-run', '--upstream', 'https://registry.lan']
    expect((await run(setup, words)).stdout).toContain('+location = "registry.lan"\n')
    const named = [...words, '--registry', 'hub.lan=https://registry.lan']
    expect((await run(setup, named)).stdout).toContain('+location = "hub.lan"\n')
  })
})

describe('undo', () => {
  test('restores all engines, and then has nothing to do', async () => {
    await run(setup, ['docker', 'containerd', 'podman', '--mirror', mirror, '--yes'])
    expect((await run(undo, ['--yes'])).code).toBe(0)
    expect(read(daemonJson)).toBe(original)
    const again = await run(undo, ['--yes'])
    expect(again.code).toBe(0)
    expect(again.stdout).toBe(
      'docker: nothing to do\ncontainerd: nothing to do\npodman and CRI-O: nothing to do\n',
    )
  })

  test('without a record the mirror is taken out of wherever it is', async () => {
    const cri = '[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]\n'
    put(daemonJson, `{ "registry-mirrors": ["${mirror}", "https://other.lan"] }\n`)
    put(
      '/etc/containerd/config.toml',
      `version = 2\n${cri}endpoint = ["${mirror}", "https://b.lan"]\n`,
    )
    const hosts = '/etc/containerd/certs.d/quay.io/hosts.toml'
    put(hosts, `server = "https://quay.io"\n[host."${mirror}"]\n`)
    const conf = '/etc/containers/registries.conf'
    const location = mirror.replace('http://', '')
    put(
      conf,
      `[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "${location}"\n`,
    )
    const { code, stdout } = await run(undo, ['--mirror', mirror, '--yes'])
    expect(code).toBe(0)
    expect(stdout).toContain('docker: there is no record of a setup: the mirror is taken out')
    expect(JSON.parse(read(daemonJson))).toEqual({ 'registry-mirrors': ['https://other.lan'] })
    expect(read('/etc/containerd/config.toml')).toBe(
      `version = 2\n${cri}endpoint = ["https://b.lan"]\n`,
    )
    expect(read(hosts)).toBe('server = "https://quay.io"\n')
    expect(read(conf)).toBe('[[registry]]\nlocation = "docker.io"\n')
  })
})
