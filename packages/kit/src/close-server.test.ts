import { createServer, get, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { closeServer } from './close-server.ts'
import { listen } from './listen.ts'

async function open(server: Server, request: string): Promise<Socket> {
  const { host, port } = await listen(server, { host: '127.0.0.1', port: 0 })
  const socket = connect(port, host)
  socket.on('error', () => undefined)
  socket.write(request)
  return socket
}

async function timeToClose(server: Server, graceMs: number): Promise<number> {
  const startedAt = performance.now()
  await closeServer(server, graceMs)
  return performance.now() - startedAt
}

test('an answer under way is finished, then its kept connection is closed before the grace is over', async () => {
  const server = createServer((_, response) => {
    response.write('first ')
    setTimeout(() => response.end('last'), 150)
  })
  const { url } = await listen(server, { host: '127.0.0.1', port: 0 })
  const answer = new Promise<string>((resolve, reject) => {
    get(url, { agent: false, headers: { connection: 'keep-alive' } }, (response) => {
      text(response).then(resolve, reject)
    })
  })
  await new Promise((resolve) => server.once('request', resolve))
  expect(await timeToClose(server, 5000)).toBeLessThan(2000)
  expect(await answer).toBe('first last')
})

test('an answer without end is cut when the grace is over', async () => {
  const server = createServer((_, response) => {
    response.write('first')
  })
  const socket = await open(server, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await new Promise((resolve) => socket.once('data', resolve))
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const ms = await timeToClose(server, 200)
  expect(ms).toBeGreaterThan(190)
  expect(ms).toBeLessThan(2000)
  await closed
})

test('an upgraded connection is cut too', async () => {
  const server = createServer()
  server.on('upgrade', (_, socket) => {
    socket.on('error', () => undefined)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
  })
  const socket = await open(
    server,
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
  )
  await new Promise((resolve) => socket.once('data', resolve))
  expect(await timeToClose(server, 100)).toBeLessThan(2000)
})

test('a server that does not listen is closed already', async () => {
  expect(await timeToClose(createServer(), 1000)).toBeLessThan(500)
})
