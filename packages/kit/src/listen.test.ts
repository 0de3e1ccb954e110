import { createServer } from 'node:http'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { closeServer } from './close-server.ts'
import { formatAddress, listen, parseListen } from './listen.ts'

function server() {
  const created = createServer((_, response) => response.end('here'))
  onTestFinished(() => closeServer(created, 0))
  return created
}

test.each([
  ['0.0.0.0:8002', '0.0.0.0', 8002],
  ['[::1]:0', '::1', 0],
  ['[::]:65535', '::', 65_535],
  ['[fe80::1%eth0]:80', 'fe80::1%eth0', 80],
  ['localhost:1', 'localhost', 1],
])('%s is read and written the same', (text, host, port) => {
  expect(parseListen(text)).toEqual({ host, port })
  expect(formatAddress(host, port)).toBe(text)
})

test.each(['8002', ':8002', '::1:80', '[1.2.3.4]:80', 'host:', 'host:65536', 'a b:1', '[::1]', ''])(
  '%o is refused with an example',
  (text) => {
    expect(() => parseListen(text)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        hint: expect.stringContaining('HOST:PORT'),
      }),
    )
  },
)

test('every IP address and port goes through text unchanged', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65_535), (host, port) => {
      expect(parseListen(formatAddress(host, port))).toEqual({ host, port })
    }),
  )
})

test.each(['127.0.0.1', '::1', '0.0.0.0', '::', 'localhost'])(
  'listening on %s with port 0 gives the real port and a URL that works',
  async (host) => {
    const bound = await listen(server(), { host, port: 0 })
    expect(bound.port).toBeGreaterThan(0)
    expect(await (await fetch(bound.url)).text()).toBe('here')
  },
)

test('a taken port is a clear error', async () => {
  const { port } = await listen(server(), { host: '127.0.0.1', port: 0 })
  await expect(listen(server(), { host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: `cannot listen on 127.0.0.1:${port} (EADDRINUSE)`,
    hint: expect.stringContaining('another program'),
  })
})

test('an address this machine does not have is a clear error', async () => {
  await expect(listen(server(), { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    hint: expect.stringContaining('no such address'),
  })
})
