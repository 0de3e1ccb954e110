import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TempDirectory, tempDirectory } from '@df/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Machine } from './machine.ts'
import { RootedFiles } from './rooted-files.ts'
import { SetupRecords } from './setup-record.ts'
import { commit, setupTask, undoTask } from './setup-task.ts'
import { resumeTask, suspendTask } from './suspension.ts'

const mirror = 'http://127.0.0.1:65001'
const configToml = '/etc/containerd/config.toml'
const hub = '/etc/containerd/certs.d/docker.io/hosts.toml'

let temp: TempDirectory
let machine: Machine

beforeEach(async () => {
  temp = await tempDirectory()
  const files = new RootedFiles(temp.path)
  machine = { files, records: new SetupRecords(files, '/state') }
  put(configToml, 'version = 2\n')
  const paths = {
    dockerConfig: '/etc/docker/daemon.json',
    containerdConfig: configToml,
    containerdHosts: '/etc/containerd/certs.d',
    containersFolder: '/etc/containers',
  }
  const settings = {
    ...{ mirror, paths, registries: ['docker.io'], upstreamRegistry: 'docker.io' },
    ...{ containerdMajor: () => 1, dockerFlags: () => [] },
  }
  commit(machine, setupTask(machine, 'containerd', { settings, chosen: ['containerd'] }))
})
afterEach(() => temp.remove())

function put(path: string, text: string): void {
  mkdirSync(dirname(join(temp.path, path)), { recursive: true })
  writeFileSync(join(temp.path, path), text)
}

const read = (path: string) => readFileSync(join(temp.path, path), 'utf8')

function suspend(): boolean {
  const task = suspendTask(machine, 'containerd', ({ effect }) => effect !== 'restart')
  if (task !== undefined) commit(machine, task)
  return task !== undefined
}

/** Notes; undefined when nothing is suspended. */
function resume(): string[] | undefined {
  const task = resumeTask(machine, 'containerd')
  if (task !== undefined) commit(machine, task)
  return task?.notes
}

function undo(): void {
  const task = undoTask(machine, 'containerd')
  if (task !== undefined) commit(machine, task)
}

test('what needs no restart is taken out, put back as it was, and undo still restores all', () => {
  const ours = [read(hub), read(configToml)]
  expect(suspend()).toBe(true)
  expect(machine.files.list('/etc/containerd')).toEqual(['config.toml'])
  expect(read(configToml)).toBe(ours[1])
  expect(suspend()).toBe(false)
  expect(resume()).toEqual([])
  expect([read(hub), read(configToml)]).toEqual(ours)
  expect(resume()).toBeUndefined()
  undo()
  expect(read(configToml)).toBe('version = 2\n')
  expect(machine.files.list('/etc/containerd')).toEqual(['config.toml'])
})

test('undo while it is out leaves nothing to put back', () => {
  suspend()
  undo()
  expect(resume()).toBeUndefined()
  expect(read(configToml)).toBe('version = 2\n')
})

test('what others removed or wrote meanwhile is theirs', () => {
  suspend()
  put(hub, 'server = "https://theirs.lan"\n')
  expect(resume()).toEqual([expect.stringContaining('hosts.toml was changed by others meanwhile')])
  expect(read(hub)).toBe('server = "https://theirs.lan"\n')
  undo()
  expect(read(hub)).toBe('server = "https://theirs.lan"\n')
  expect(read(configToml)).toBe('version = 2\n')
})

test('what others took out before is not put back', () => {
  rmSync(join(temp.path, hub))
  expect(suspend()).toBe(false)
  expect(resume()).toBeUndefined()
})

test('a file that others changed loses the mirror only, and gets it back', () => {
  put(hub, `${read(hub)}# kept\n`)
  suspend()
  expect(read(hub)).not.toContain(mirror)
  expect(read(hub)).toContain('# kept')
  expect(resume()).toEqual([])
  expect(read(hub)).toContain(mirror)
  expect(read(hub)).toContain('# kept')
})
