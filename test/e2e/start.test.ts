import { cp, mkdir, readdir, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Daemon, type NetworkHost, run, TestNetwork } from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { curl } from '../support/curl.ts'
import { Lab } from '../support/lab.ts'
import { type NetworkRegistry, startNetworkRegistry } from '../support/network-registry.ts'

const root = join(import.meta.dirname, '../..')
const start = ['npm', 'start', '--silent', '--']

let lab: Lab
let registryHost: NetworkHost
let host: NetworkHost
let registry: NetworkRegistry

// Hosts of their own, as `npm start` listens on the default ports.
beforeAll(async () => {
  lab = await Lab.open()
  const network = await TestNetwork.create({ hosts: 2 })
  lab.defer(() => network.remove())
  const [one, two] = network.hosts
  if (one === undefined || two === undefined) throw new Error('no hosts')
  registryHost = one
  host = two
  registry = lab.keep(await startNetworkRegistry(registryHost, { blobs: { 'library/app:1': 1e6 } }))
})

afterAll(() => lab.close())

describe('npm start', () => {
  it('mirrors a registry, says how to point engines at it, and ends both programs with it', async () => {
    const dataDir = await lab.folder('data')
    const up = new Daemon({
      command: [...start, '--upstream', registry.url, '--data-dir', dataDir],
      cwd: root,
      within: host.within,
    })
    await up.until(() => /Running/.exec(up.stdout)?.[0], 60_000)
    expect(up.stdout).toContain('"registry-mirrors": ["http://127.0.0.1:65001"]')
    expect(up.stdout).toContain('[host."http://127.0.0.1:65001"]')
    expect(up.stdout).toContain('location = "127.0.0.1:65001"')

    const digest = registry.blob('library/app:1')
    const url = `http://127.0.0.1:65001/v2/library/app/blobs/${digest}`
    const fetched = await curl(url, { directory: lab.directory, within: host.within })
    expect(fetched).toMatchObject({ status: 200, digest })

    expect(await up.stop()).toMatchObject({ code: 0 })
    expect((await run(['pgrep', '--full', dataDir])).stdout).toBe('')
  })

  it('--demo shows a pull on three hosts that the registry sends once, and leaves nothing', async () => {
    const { code, stdout, stderr } = await run([...start, '--demo'], { cwd: root })
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/host 3 +\|/)
    expect(stdout).toContain('1.00× the image instead of 3×')
  })

  it('builds what a fresh clone lacks', async () => {
    const clone = await freshClone()
    const { code, stdout, stderr } = await run([...start, '--demo'], { cwd: clone })
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('1.00× the image instead of 3×')
  })

  it('says in one line what is wrong', async () => {
    const { code, stderr } = await run([...start, '--upstream', 'no url'], { cwd: root })
    expect(code).toBe(1)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })
})

/** The repository as it is after `npm ci`: with packages, and nothing built. */
async function freshClone(): Promise<string> {
  const clone = await lab.folder('clone')
  const made = /^(node_modules|dist|bundle|\.git|\.data|.*\.tgz)$/
  await cp(root, clone, { recursive: true, filter: (path) => !made.test(basename(path)) })
  const modules = join(clone, 'node_modules')
  await mkdir(modules)
  for (const name of await readdir(join(root, 'node_modules'))) {
    const source = join(root, 'node_modules', name)
    // Ours are links to folders of the clone.
    if (name === '@df')
      await cp(source, join(modules, name), { recursive: true, verbatimSymlinks: true })
    else await symlink(source, join(modules, name))
  }
  return clone
}
