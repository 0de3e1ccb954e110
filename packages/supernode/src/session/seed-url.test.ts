import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { seedUrlOf } from './seed-url.ts'

function requestTo(address: string, port: number, host?: string, tls = false): IncomingMessage {
  const socket = Object.create(tls ? TLSSocket.prototype : Object.prototype, {
    localAddress: { value: address },
    localPort: { value: port },
  })
  return { socket, headers: host === undefined ? {} : { host } } as IncomingMessage
}

describe('the URL of the seed for a host', () => {
  it.each([
    ['supernode.test:8002', 'http://supernode.test:8002'],
    ['supernode.test', 'http://supernode.test'],
    ['[fd00::1]:8002', 'http://[fd00::1]:8002'],
    ['10.0.0.1:9000', 'http://10.0.0.1:9000'],
  ])('is the name it used: %s', (host, url) => {
    expect(seedUrlOf(requestTo('127.0.0.1', 1, host))).toBe(url)
  })

  it.each([undefined, '', 'a b', 'user@host', 'host/path', 'host:99999', '[::1'])(
    'is the address it connected to when it named nothing useful: %s',
    (host) => {
      expect(seedUrlOf(requestTo('10.1.2.3', 8002, host))).toBe('http://10.1.2.3:8002')
      expect(seedUrlOf(requestTo('::ffff:10.1.2.3', 8002, host))).toBe('http://10.1.2.3:8002')
      expect(seedUrlOf(requestTo('fd00::1', 8002, host))).toBe('http://[fd00::1]:8002')
    },
  )

  it('is https over TLS', () => {
    expect(seedUrlOf(requestTo('10.1.2.3', 443, 'sn.test', true))).toBe('https://sn.test')
  })
})
