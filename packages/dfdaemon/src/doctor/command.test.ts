import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { CommandIo } from '@df/kit'
import { freePort, tempDirectory } from '@df/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { doctorCommand } from './command.ts'

/** Runs the command as a shell would. */
async function doctor(args: readonly string[]) {
  let stdout = ''
  const io: CommandIo = {
    stdin: Readable.from([]),
    stdout: { write: (text) => void (stdout += text), columns: undefined },
    stderr: { write: () => {}, columns: undefined },
    env: {},
    cwd: '/',
    uid: 0,
    signal: new AbortController().signal,
    version: '1.2.3',
  }
  const startedAt = performance.now()
  const code = await doctorCommand.run(args, io)
  return { code, stdout, tookMs: performance.now() - startedAt }
}

async function deadHost(): Promise<string[]> {
  const folder = await tempDirectory()
  onTestFinished(() => folder.remove())
  const port = await freePort()
  return [
    ...['--data-dir', join(folder.path, 'data'), '--root', folder.path],
    ...['--listen', `127.0.0.1:${port}`, '--peer-listen', `127.0.0.1:${await freePort()}`],
  ]
}

/** Takes connections, and never says a word. */
async function silentServer(): Promise<string> {
  const sockets: Socket[] = []
  const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('where everything is silent it ends within 5 s with what is wrong, and 1', async () => {
  const dead = await silentServer()
  const { code, stdout, tookMs } = await doctor([
    ...(await deadHost()),
    ...['--supernode', dead, '--upstream', dead],
  ])
  expect(code).toBe(1)
  expect(tookMs).toBeLessThan(5000)
  expect(stdout).toMatch(/^supernode +error .*does not answer \(TIMEOUT\)$/m)
  expect(stdout).toMatch(/^registry +error .*does not answer \(TIMEOUT\)$/m)
  expect(stdout).toMatch(/^disk +ok /m)
})

test('warnings alone end with 0, and --only makes some checks', async () => {
  const { code, stdout } = await doctor([...(await deadHost()), '--only', 'ports,disk', '--json'])
  const { healthy, warnings, findings } = JSON.parse(stdout)
  expect([code, healthy, warnings]).toEqual([0, true, 1])
  expect(findings).toMatchObject([{ check: 'disk' }, { check: 'ports', level: 'warning' }])
})

test('a check that there is not is named with what was meant', async () => {
  await expect(doctor(['--only', 'port'])).rejects.toMatchObject({
    code: 'USAGE',
    message: "--only: there is no check 'port'",
    hint: 'did you mean ports?',
  })
})

test('an authority that cannot be read is a finding, not a failure', async () => {
  const args = [...(await deadHost()), '--supernode-ca', '/no/such/file', '--only', 'certificates']
  const { code, stdout } = await doctor(args)
  expect(code).toBe(1)
  expect(stdout).toContain('/no/such/file (--supernode-ca) does not exist')
})
