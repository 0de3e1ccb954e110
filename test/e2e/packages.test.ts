import { dirname, join } from 'node:path'
import {
  Daemon,
  findLeaks,
  run,
  runOk,
  startFileOrigin,
  type TempDirectory,
  tempDirectory,
} from '@df/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { putFile } from '../support/dfget.ts'
import { installPrograms, programs } from '../support/installed-programs.ts'

const inPath = (node: string) => ({ PATH: `${dirname(node)}:/usr/bin:/bin` })

let temp: TempDirectory
let bin: string

beforeAll(async () => {
  temp = await tempDirectory()
  bin = join(await installPrograms(temp.path), 'bin')
})

afterAll(() => temp.remove())

it.each(programs)('%s works as installed', async (program) => {
  const options = { env: inPath(process.execPath) }
  expect(await runOk([join(bin, program), '--version'], options)).toMatch(/^\w+ \d+\.\d+\.\d+$/)
  expect(await runOk([join(bin, program), '--help'], options)).toContain('Usage:')
})

it.each(programs)('%s says on an older Node which one it needs, and ends with 78', async (name) => {
  const old = '/usr/bin/node'
  expect(await runOk([old, '--version'])).toMatch(/^v20\./)
  const { code, stdout, stderr } = await run([join(bin, name), '--help'], { env: inPath(old) })
  expect({ code, stdout }).toEqual({ code: 78, stdout: '' })
  expect(stderr).toMatch(new RegExp(`^${name} needs Node\\.js 24\\.15 or later .*\\n$`))
})

it('a file comes through the installed SuperNode, dfdaemon and dfget', async () => {
  const origin = await startFileOrigin()
  const daemons: Daemon[] = []
  const start = async (program: string, args: string[]) => {
    const dataDir = join(temp.path, program)
    const command = [join(bin, program), '--data-dir', dataDir, '--listen', '127.0.0.1:0', ...args]
    const daemon = new Daemon({ command, env: inPath(process.execPath) })
    daemons.unshift(daemon)
    const line = await daemon.until(() => /^ready .*(?=\n)/m.exec(daemon.stdout)?.[0])
    return /https?:\/\/[^\s,;]+/.exec(line)?.[0] ?? ''
  }
  try {
    const peer = ['--peer-listen', '127.0.0.1:0', '--allow-origin', '127.0.0.1']
    const supernode = await start('supernode', ['--allow-origin', '127.0.0.1'])
    const dfdaemon = await start('dfdaemon', ['--supernode', supernode, ...peer])
    const { url, digest } = await putFile(origin, 'file', 5_000_000)
    const dfget = [join(bin, 'dfget'), url, '-O', join(temp.path, 'out'), '--digest', digest]
    const { code, stderr } = await run([...dfget, '--daemon', dfdaemon], {
      env: inPath(process.execPath),
    })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stderr).toContain('seed 100%')
  } finally {
    for (const daemon of daemons) await daemon.stop()
    await origin.stop()
  }
})

it('leaves nothing that runs', async () => {
  expect(await findLeaks(temp.path)).toEqual([])
})
