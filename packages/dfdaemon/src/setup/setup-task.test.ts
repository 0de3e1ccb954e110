import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type TempDirectory, tempDirectory } from '@df/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Machine } from './machine.ts'
import { RootedFiles } from './rooted-files.ts'
import type { PlanSettings } from './runtime-plans.ts'
import { type RecordName, runtimesOf, SetupRecords } from './setup-record.ts'
import { commit, setupTask, undoTask } from './setup-task.ts'

const mirror = 'http://127.0.0.1:65001'
const stateFolder = '/state'
const names: readonly RecordName[] = ['docker', 'containerd', 'containers']
const daemonJson = '/etc/docker/daemon.json'
const configToml = '/etc/containerd/config.toml'
const hub = '/etc/containerd/certs.d/docker.io/hosts.toml'

let temp: TempDirectory
let machine: Machine

beforeEach(async () => {
  temp = await tempDirectory()
  machine = machineWith(new RootedFiles(temp.path))
  put(daemonJson, '{ "debug": true }\n', 0o640)
  put(configToml, '# mine\nversion = 2\n', 0o600)
  put('/etc/containers/registries.conf', '# none\n')
})
afterEach(() => temp.remove())

function machineWith(files: RootedFiles): Machine {
  return { files, records: new SetupRecords(files, stateFolder) }
}

function put(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(temp.path, path)), { recursive: true })
  writeFileSync(join(temp.path, path), text)
  chmodSync(join(temp.path, path), mode)
}

function settings(change: Partial<PlanSettings> = {}): PlanSettings {
  return {
    mirror,
    registries: ['docker.io'],
    upstreamRegistry: 'docker.io',
    containerdMajor: () => 1,
    dockerFlags: () => [],
    paths: {
      dockerConfig: daemonJson,
      containerdConfig: configToml,
      containerdHosts: '/etc/containerd/certs.d',
      containersFolder: '/etc/containers',
    },
    ...change,
  }
}

function setUp(change: Partial<PlanSettings> = {}, on = machine): number {
  const tasks = names.map((name) =>
    setupTask(on, name, { settings: settings(change), chosen: runtimesOf(name) }),
  )
  for (const task of tasks) commit(on, task)
  return tasks.flatMap(({ edits }) => edits).length
}

function undo(): string[] {
  const tasks = names.flatMap((name) => undoTask(machine, name) ?? [])
  for (const task of tasks) commit(machine, task)
  return tasks.flatMap(({ notes }) => notes)
}

/** Everything below a folder: names, contents, modes, owners. */
function snapshot(folder = temp.path): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(folder, name)
      const { mode, uid, gid } = statSync(path)
      const isFile = statSync(path).isFile()
      const hash = isFile ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''
      return `${name} ${mode.toString(8)} ${uid}:${gid} ${hash}`
    })
}

const read = (path: string) => readFileSync(join(temp.path, path), 'utf8')

describe('setup and undo', () => {
  test('undo leaves everything as it was before setup', () => {
    const before = snapshot()
    expect(setUp()).toBe(4)
    expect(read(daemonJson)).toContain(mirror)
    expect(undo()).toEqual([])
    expect(snapshot()).toEqual(before)
  })

  test('the second setup has nothing to do', () => {
    setUp()
    const after = snapshot()
    expect(setUp()).toBe(0)
    expect(snapshot()).toEqual(after)
  })

  test('setup with another port replaces the first, and undo goes back to before the first', () => {
    const before = snapshot()
    setUp()
    setUp({ mirror: 'http://127.0.0.1:1' })
    for (const path of [daemonJson, hub]) {
      expect(read(path)).toContain('http://127.0.0.1:1"')
      expect(read(path)).not.toContain(mirror)
    }
    undo()
    expect(snapshot()).toEqual(before)
  })

  test('a registry that is no longer wanted is taken out, its folder too', () => {
    const before = snapshot()
    setUp({ registries: ['docker.io', 'quay.io'] })
    setUp({ registries: ['quay.io'] })
    expect(machine.files.list('/etc/containerd/certs.d')).toEqual(['quay.io'])
    undo()
    expect(snapshot()).toEqual(before)
  })

  test('files that are not there are made and removed again, with their folders', () => {
    rmSync(join(temp.path, 'etc'), { recursive: true })
    const before = snapshot()
    setUp()
    expect(read(daemonJson)).toContain(mirror)
    undo()
    expect(snapshot()).toEqual(before)
  })

  test('records are for root only: configurations can hold passwords', () => {
    setUp()
    expect(statSync(join(temp.path, stateFolder)).mode & 0o777).toBe(0o700)
    expect(statSync(join(temp.path, stateFolder, 'docker.json')).mode & 0o777).toBe(0o600)
  })
})

describe('files that others changed after setup', () => {
  test('undo takes only our entries out, and says so', () => {
    setUp()
    put(daemonJson, read(daemonJson).replace('"debug": true', '"debug": false'))
    put(hub, `${read(hub)}# kept\n[host."https://theirs.lan"]\n`)
    expect(undo()).toEqual([
      expect.stringMatching(/daemon.json has been changed by others since: only the mirror/),
      expect.stringMatching(/hosts.toml has been changed by others since/),
    ])
    expect(JSON.parse(read(daemonJson))).toEqual({ debug: false })
    expect(read(hub)).toMatch(
      /^# Written.*\nserver = .*\n\n# kept\n\[host."https:\/\/theirs.lan"\]\n$/,
    )
  })

  test('setup has nothing to do, and the next one with another port keeps their changes', () => {
    setUp()
    put(daemonJson, read(daemonJson).replace('"debug": true', '"debug": false'))
    expect(setUp()).toBe(0)
    setUp({ mirror: 'http://127.0.0.1:1' })
    expect(JSON.parse(read(daemonJson))).toEqual({
      debug: false,
      'registry-mirrors': ['http://127.0.0.1:1'],
    })
    undo()
    expect(JSON.parse(read(daemonJson))).toEqual({ debug: false })
  })

  test('what others took out or removed stays so', () => {
    setUp()
    put(daemonJson, '{}\n')
    rmSync(join(temp.path, hub))
    expect(undo()).toEqual([expect.stringMatching(/daemon.json .* has nothing of ours any more/)])
    expect(read(daemonJson)).toBe('{}\n')
  })

  test('a file that changes between showing and writing is left alone, and nothing else is written', () => {
    const task = setupTask(machine, 'docker', { settings: settings(), chosen: ['docker'] })
    put(daemonJson, '{}\n', 0o640)
    const before = snapshot()
    expect(() => commit(machine, task)).toThrow(/was changed by others just now/)
    expect(snapshot().filter((line) => !line.startsWith('state'))).toEqual(before)
    expect(undoTask(machine, 'docker')).toBeUndefined()
  })
})

/** Files of a machine that dies after so many changes. */
class DyingFiles extends RootedFiles {
  #left: number

  constructor(root: string, changes: number) {
    super(root)
    this.#left = changes
  }

  override write(...args: Parameters<RootedFiles['write']>): void {
    try {
      this.#count()
    } catch (error) {
      // A write that is cut short.
      const real = this.real(args[0])
      const place = join(dirname(real), `.${basename(real)}.dragonfly-tmp`)
      if (existsSync(dirname(real)) && !real.includes(stateFolder)) writeFileSync(place, 'half')
      throw error
    }
    super.write(...args)
  }

  override remove(path: string): void {
    this.#count()
    super.remove(path)
  }

  override makeFolder(...args: Parameters<RootedFiles['makeFolder']>): void {
    this.#count()
    super.makeFolder(...args)
  }

  override removeEmptyFolder(path: string): void {
    this.#count()
    super.removeEmptyFolder(path)
  }

  #count(): void {
    if (this.#left-- <= 0) throw new Error('killed')
  }
}

describe('a process that is killed after any number of changes', () => {
  const moments = [...Array(24).keys()]

  test.each(moments)('of a setup (%i): undo restores everything', (changes) => {
    const before = snapshot()
    attempt(() => setUp({}, machineWith(new DyingFiles(temp.path, changes))))
    undo()
    expect(snapshot().filter((line) => !line.startsWith('state '))).toEqual(before)
  })

  test.each(moments)('of a second setup (%i): setup or undo come to the right end', (changes) => {
    const before = snapshot()
    setUp()
    const other = { mirror: 'http://127.0.0.1:1', registries: ['quay.io'] }
    attempt(() => setUp(other, machineWith(new DyingFiles(temp.path, changes))))
    if (changes % 2 === 0) setUp(other)
    undo()
    expect(snapshot().filter((line) => !line.startsWith('state '))).toEqual(before)
  })

  test.each(moments)('of an undo (%i): the next undo restores everything', (changes) => {
    const before = snapshot()
    setUp()
    const dying = machineWith(new DyingFiles(temp.path, changes))
    attempt(() => {
      for (const name of names) {
        const task = undoTask(dying, name)
        if (task) commit(dying, task)
      }
    })
    undo()
    expect(snapshot().filter((line) => !line.startsWith('state '))).toEqual(before)
  })
})

function attempt(action: () => void): void {
  try {
    action()
  } catch {
    // It was killed.
  }
}
