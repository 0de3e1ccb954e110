import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import type { Command, CommandIo } from '@df/kit'
import { type TempDirectory, tempDirectory } from '@df/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { setupCommand } from '../setup/setup-command.ts'
import { undoCommand } from '../setup/undo-command.ts'
import { doctorCommand } from './command.ts'

const LISTEN = '127.0.0.1:65001'
const MIRROR = `http://${LISTEN}`
const daemonJson = '/etc/docker/daemon.json'
const configToml = '/etc/containerd/config.toml'
const hostsToml = '/etc/containerd/certs.d/docker.io/hosts.toml'
const record = '/var/lib/dragonfly/setup/docker.json'

let temp: TempDirectory

beforeEach(async () => {
  temp = await tempDirectory()
})
afterEach(() => temp.remove())

const at = (path: string) => join(temp.path, path)
const read = (path: string) => readFileSync(at(path), 'utf8')

function put(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true })
  writeFileSync(at(path), text)
}

async function run(command: Command, words: readonly string[]): Promise<string> {
  let stdout = ''
  const io: CommandIo = {
    stdin: Readable.from([]),
    stdout: { columns: undefined, write: (text) => void (stdout += text) },
    stderr: { columns: undefined, write: () => {} },
    env: {},
    cwd: '/',
    uid: 0,
    signal: new AbortController().signal,
    version: '1.2.3',
  }
  await command.run([...words, '--root', temp.path], io)
  return stdout
}

const setup = (...words: string[]) =>
  run(
    setupCommand(() => {}),
    [...words, '--mirror', MIRROR, '--yes', '--no-reload'],
  )

/** What doctor says of one engine: level, sentence, mend. */
async function findings(engine: string): Promise<string[]> {
  const words = ['--only', 'engines', '--json', '--listen', LISTEN, '--data-dir', at('/data')]
  const { findings: all } = JSON.parse(await run(doctorCommand, words)) as {
    findings: { level: string; message: string; mend?: string }[]
  }
  return all
    .filter(({ message }) => message.startsWith(`${engine}: `))
    .map(({ level, message, mend }) =>
      [level, message.slice(engine.length + 2), ...(mend === undefined ? [] : [mend])]
        .join(' | ')
        .replaceAll(temp.path, 'ROOT'),
    )
}

test('engines that are not there, or not pointed at dfdaemon, are no fault', async () => {
  put(daemonJson, '{}')
  expect(await findings('docker')).toEqual([
    'skipped | not pointed at this dfdaemon (dfdaemon setup docker --root ROOT)',
  ])
  expect(await findings('containerd')).toEqual(['skipped | not on this machine'])
})

test('a file that its engine cannot read is named, with what to do about it', async () => {
  put(daemonJson, '{ "debug": true, }')
  put(configToml, 'version = \n')
  expect(await findings('docker')).toEqual([
    expect.stringMatching(
      /^error \| \/etc\/docker\/daemon.json is not JSON: .* \| docker does not start with it: mend it$/,
    ),
  ])
  expect(await findings('containerd')).toEqual([
    'error | /etc/containerd/config.toml is not TOML: line 1, column 11 | mend it',
  ])
})

test('what setup did is well, and what was done by hand too', async () => {
  put(daemonJson, '{}')
  put(configToml, 'version = 2\n')
  await setup('docker', 'containerd', 'podman')
  for (const engine of ['docker', 'containerd', 'podman and CRI-O']) {
    expect(await findings(engine)).toEqual([`ok | pointed at ${MIRROR}`])
  }
})

test('a mirror that was written by hand is well', async () => {
  put(daemonJson, JSON.stringify({ 'registry-mirrors': [MIRROR] }))
  expect(await findings('docker')).toEqual([`ok | pointed at ${MIRROR}, by hand`])
})

test('containerd set up for other registries than the usual ones is well', async () => {
  put(configToml, 'version = 2\n')
  await setup('containerd', '--for', 'quay.io', '--for', 'registry.lan:5000')
  expect(await findings('containerd')).toEqual([`ok | pointed at ${MIRROR}`])
})

test('another address than that of dfdaemon is an error', async () => {
  put(daemonJson, '{}')
  await run(
    setupCommand(() => {}),
    ['docker', '--mirror', 'http://127.0.0.1:7', '--yes', '--no-reload'],
  )
  expect(await findings('docker')).toEqual([
    `error | pointed at http://127.0.0.1:7, but dfdaemon listens at ${MIRROR} | dfdaemon setup docker --root ROOT`,
  ])
})

test('a file that others changed is an error, and setup mends it', async () => {
  put(configToml, 'version = 2\n')
  await setup('containerd')
  put(configToml, 'version = 2\n')
  expect(await findings('containerd')).toEqual([
    `error | ${configToml} is not as setup left it | dfdaemon setup containerd --root ROOT`,
  ])
  await setup('containerd')
  expect(await findings('containerd')).toEqual([`ok | pointed at ${MIRROR}`])
})

test('the record of a setup whose mirror is gone is named', async () => {
  put(daemonJson, '{}')
  await setup('docker')
  put(daemonJson, '{}')
  expect(await findings('docker')).toEqual([
    'error | was set up, but the mirror is in none of its files any more | dfdaemon setup docker --root ROOT, or dfdaemon undo docker --root ROOT',
  ])
})

test('what the watchdog took out is a warning', async () => {
  put(daemonJson, '{}')
  await setup('docker')
  put(record, JSON.stringify({ ...JSON.parse(read(record)), isSuspended: true }))
  expect(await findings('docker')).toEqual([
    expect.stringMatching(
      /^warning \| the watchdog took the mirror out.*dfdaemon setup docker --root ROOT$/,
    ),
  ])
})

test('a file that cannot be understood is named with its place', async () => {
  put(configToml, 'version = 2\n')
  await setup('containerd')
  put(hostsToml, '[host."x"\n')
  const [finding = ''] = await findings('containerd')
  expect(finding).toMatch(/^error \| .*hosts\.toml/)
})

test('a record that cannot be understood is an error', async () => {
  put(daemonJson, '{}')
  put(record, '{ "version": 1,')
  expect(await findings('docker')).toContain(
    `error | what undo needs cannot be understood: ${record} | dfdaemon undo docker --root ROOT`,
  )
  await run(
    undoCommand(() => {}),
    ['docker', '--yes', '--no-reload'],
  )
  expect(await findings('docker')).toEqual([
    'skipped | not pointed at this dfdaemon (dfdaemon setup docker --root ROOT)',
  ])
})

test('an engine that is installed and has no configuration can be set up', async () => {
  put('/usr/bin/dockerd', '')
  expect(await findings('docker')).toEqual([
    'skipped | not pointed at this dfdaemon (dfdaemon setup docker --root ROOT)',
  ])
})

test('both ways of containerd at once are an error', async () => {
  put(
    configToml,
    `version = 2
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "/etc/containerd/certs.d"
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
endpoint = ["${MIRROR}"]
`,
  )
  expect(await findings('containerd')).toContainEqual(
    expect.stringMatching(/^error \| both config_path .* and registry\.mirrors .* \| remove one/),
  )
})
