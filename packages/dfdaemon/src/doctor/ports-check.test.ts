import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { runningDaemon } from './daemon-facts.ts'
import { listenerOf, listeningInodes } from './listeners.ts'
import { judgePorts, type PortsFacts } from './ports-check.ts'

const supernode = 'http://10.0.0.5:8002'
const daemon = { version: '1.0.0', peerPort: 65_002, supernodes: [{ supernode, connected: true }] }
const facts: PortsFacts = {
  address: '127.0.0.1:65001',
  daemon,
  listener: { pid: 7, command: 'dfdaemon' },
  peerListen: '0.0.0.0:65002',
  peerPort: 65_002,
  peerListener: { pid: 7, command: 'dfdaemon' },
  supernodes: [supernode],
}
const judge = (over: Partial<PortsFacts>) => judgePorts({ ...facts, ...over })

test('a dfdaemon that runs has both ports', () => {
  expect(judge({})).toEqual([
    { level: 'ok', message: '127.0.0.1:65001: dfdaemon answers' },
    { level: 'ok', message: 'port 65002: dfdaemon serves peers' },
  ])
})

test('no dfdaemon is a warning, since pulls go on without', () => {
  expect(judge({ daemon: undefined, listener: undefined, peerListener: undefined })).toEqual([
    {
      level: 'warning',
      message: '127.0.0.1:65001: nothing listens, so pulls go to the registry',
      mend: 'start dfdaemon (systemctl start dragonfly-dfdaemon), or give the --listen it has',
    },
  ])
})

test('a port that another program has is an error that names it', () => {
  const listener = { pid: 42, command: 'nginx' }
  expect(judge({ daemon: undefined, listener, peerListener: listener })).toMatchObject([
    {
      level: 'error',
      message: '127.0.0.1:65001: held by nginx (process 42), which is no dfdaemon or hangs',
      mend: expect.stringContaining('stop process 42'),
    },
    {
      level: 'error',
      message: '0.0.0.0:65002: the peer port is held by nginx (process 42)',
      mend: 'stop it, or choose another --peer-listen',
    },
  ])
  const hidden = { pid: undefined, command: undefined }
  const [found] = judge({ daemon: undefined, listener: hidden, peerListener: undefined })
  expect(found?.message).toContain('held by another program (root sees which)')
})

test('a dfdaemon with other settings than those looked at is told', () => {
  const [, , found] = judge({ supernodes: ['http://10.0.0.6:8002'] })
  expect(found).toMatchObject({ level: 'warning', mend: expect.stringContaining('--config') })
})

test('a session that is down is told', () => {
  const [, , found] = judge({
    daemon: { ...daemon, supernodes: [{ supernode, connected: false }] },
  })
  expect(found).toMatchObject({
    level: 'warning',
    message: `dfdaemon has no session with ${supernode}`,
  })
})

test('what is not what a dfdaemon says is none', () => {
  expect(runningDaemon('ready\n')).toBeUndefined()
  expect(runningDaemon('null')).toBeUndefined()
  expect(runningDaemon('{"supernodes":7}')).toBeUndefined()
  expect(runningDaemon('{"supernodes":[null,{"supernode":"http://s"}]}')).toEqual({
    version: undefined,
    peerPort: undefined,
    supernodes: [{ supernode: 'http://s', connected: false }],
  })
})

test('the process that listens on a port is found', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  expect(await listenerOf(port)).toMatchObject({ pid: process.pid })
})

test('only listening sockets of /proc/net/tcp count', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F42 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0',
    '   1: 0100007F:1F42 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0',
    '',
  ].join('\n')
  expect(listeningInodes(table, 8002)).toEqual(['111'])
  expect(listeningInodes(table, 8003)).toEqual([])
})
