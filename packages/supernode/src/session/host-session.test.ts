import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { silentLogger } from '@df/kit'
import { PROTOCOL_VERSION } from '@df/proto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import type { TaskMessage } from '../swarm/host-link.ts'
import { newHostId, TestHost } from '../test-support/host.ts'
import { blobSample } from '../test-support/sample.ts'
import { HostSession } from './host-session.ts'
import { MAX_UNREAD_BYTES } from './outbox.ts'

const http = createServer()
const sockets = new WebSocketServer({ server: http })
const heard: TaskMessage[] = []
let session: HostSession
let secure = false
let send: (bytes: number) => void = () => {}

beforeAll(async () => {
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  sockets.on('connection', (socket) => {
    session = new HostSession({
      socket,
      seedUrl: 'http://seed.test',
      secure,
      welcome: {
        type: 'welcome',
        protocol: PROTOCOL_VERSION,
        supernode: newHostId(),
        publicKey: 'A'.repeat(43),
        reportEveryMs: 1000,
      },
      logger: silentLogger(),
      opened(link) {
        send = (bytes) => {
          link.send({
            type: 'failed',
            task: '0'.repeat(64) as never,
            code: 'X',
            message: 'x'.repeat(bytes),
          })
        }
      },
      received: (_, message) => heard.push(message),
      closed: () => {},
    })
  })
})
afterAll(() => {
  sockets.close()
  http.close()
})

const url = () => `http://127.0.0.1:${(http.address() as AddressInfo).port}`

describe('a session', () => {
  it.each([
    [false, { url: 'http://origin.test/blob?versionId=7' }],
    [
      true,
      {
        url: 'http://origin.test/blob?versionId=7&sv=1&sig=secret',
        headers: { authorization: 'Bearer secret' },
      },
    ],
  ])('takes credentials only over a link that keeps them (%s)', async (isSecure, expected) => {
    secure = isSecure
    heard.length = 0
    await using host = await TestHost.connect(url())
    const signed = 'http://origin.test/blob?versionId=7&sv=1&sig=secret'
    host.join(blobSample(1).identity, signed, { headers: { authorization: 'Bearer secret' } })
    await expect.poll(() => heard.length).toBe(1)
    const [join] = heard
    expect(join?.type === 'join' ? join.source : 'none').toEqual(expected)
    expect(JSON.stringify(heard).includes('secret')).toBe(isSecure)
  })

  it('cuts a host off that does not read what it is sent', async () => {
    await using host = await TestHost.connect(url())
    host.socket.pause()
    const closed = new Promise((resolve) => host.socket.once('close', resolve))
    for (let sent = 0; sent < 2 * MAX_UNREAD_BYTES; sent += 256 * 2000) {
      for (let at = 0; at < 256; at++) send(2000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    host.socket.resume()
    await closed
    expect(session.host).toBe(host.id)
  })
})
