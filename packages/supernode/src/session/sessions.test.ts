import { once } from 'node:events'
import { connect } from 'node:net'
import { taskIdOf } from '@df/codec'
import { encodeFrame, MAX_FRAME_BYTES, PROTOCOL_VERSION } from '@df/proto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { bootSupernode, type RunningSupernode } from '../test-support/boot.ts'
import { newHostId, TestHost } from '../test-support/host.ts'
import { startOrigin } from '../test-support/origin.ts'
import { blobSample } from '../test-support/sample.ts'

let supernode: RunningSupernode
beforeAll(async () => {
  supernode = await bootSupernode()
})
afterAll(async () => {
  await supernode.stop()
})

async function hosts(): Promise<string[]> {
  const { hosts } = (await supernode.get('/api/v1/hosts')) as { hosts: { id: string }[] }
  return hosts.map(({ id }) => id)
}

describe('a session', () => {
  it('begins with hello and welcome', async () => {
    await using host = await TestHost.connect(supernode.url)
    expect(await host.next('welcome')).toMatchObject({
      protocol: PROTOCOL_VERSION,
      reportEveryMs: 1000,
    })
    expect(await hosts()).toContain(host.id)
  })

  it.each([0, PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1, 65_535])(
    'of protocol version %i is refused with a sentence',
    async (protocol) => {
      await using host = await TestHost.open(supernode.url)
      host.socket.send(JSON.stringify([{ type: 'hello', protocol, unknownField: true }]))
      const refused = await host.next('refused')
      expect(refused.code).toBe('PROTOCOL_UNSUPPORTED')
      expect(refused.message).toContain(`the host speaks ${protocol}`)
      await once(host.socket, 'close')
    },
  )

  it.each([
    ['not JSON', '{'],
    ['not an array', '{"type":"hello"}'],
    ['an unknown message', '[{"type":"nonsense"}]'],
    [
      'a join before hello',
      encodeFrame([{ type: 'leave', task: taskIdOf(blobSample(1).identity) }]),
    ],
  ])('that starts with %s is refused', async (_, frame) => {
    await using host = await TestHost.open(supernode.url)
    host.socket.send(frame)
    expect(await host.next('refused')).toMatchObject({ code: 'REQUEST_INVALID' })
    await once(host.socket, 'close')
  })

  it.each([
    ['a malformed frame', (host: TestHost) => host.socket.send('[{"type":"join"}]')],
    ['a binary frame', (host: TestHost) => host.socket.send(Buffer.from('[]'))],
    ['a second hello', (host: TestHost) => host.hello()],
  ])('ends at %s', async (_, say) => {
    await using host = await TestHost.connect(supernode.url)
    say(host)
    expect(await host.next('refused')).toMatchObject({ code: 'REQUEST_INVALID' })
    await once(host.socket, 'close')
    expect(await hosts()).not.toContain(host.id)
  })

  it('ends at a frame that is too large', async () => {
    await using host = await TestHost.connect(supernode.url)
    host.socket.send(`["${'x'.repeat(MAX_FRAME_BYTES)}"]`)
    const [code] = (await once(host.socket, 'close')) as [number]
    expect(code).toBe(1009)
  })

  it('without hello ends within two seconds', async () => {
    await using host = await TestHost.open(supernode.url)
    const openedAt = performance.now()
    expect(await host.next('refused')).toMatchObject({ code: 'REQUEST_INVALID' })
    expect(performance.now() - openedAt).toBeLessThan(4000)
  })

  it('of a host replaces its older one', async () => {
    const id = newHostId()
    await using older = await TestHost.connect(supernode.url, { id })
    await using newer = await TestHost.connect(supernode.url, { id })
    expect((await older.next('refused')).message).toContain('newer session')
    await once(older.socket, 'close')
    expect(newer.socket.readyState).toBe(WebSocket.OPEN)
    expect(await hosts()).toContain(id)
  })

  it('is asked for a sign of life twice a second, and ends without', async () => {
    await using host = await TestHost.connect(supernode.url)
    await once(host.socket, 'ping')
    host.socket.pause()
    await expect.poll(hosts, { timeout: 8000 }).not.toContain(host.id)
    host.socket.terminate()
  })

  it('says that a task id is not that of its identity', async () => {
    await using host = await TestHost.connect(supernode.url)
    const { identity } = blobSample(1)
    const other = taskIdOf(blobSample(2).identity)
    host.join(identity, 'http://127.0.0.1:1/blob', { task: other })
    expect(await host.next('failed')).toMatchObject({ task: other, code: 'REQUEST_INVALID' })
    expect(host.socket.readyState).toBe(WebSocket.OPEN)
  })

  it('says that holdings do not fit their geometry', async () => {
    await using host = await TestHost.connect(supernode.url)
    const { identity } = blobSample(1)
    const geometry = { contentLength: 100_000, pieceSize: 65_536, stripes: 1 }
    host.join(identity, 'http://127.0.0.1:1/blob', { geometry, have: '3:all' })
    expect(await host.next('failed')).toMatchObject({ code: 'REQUEST_INVALID' })
  })
})

describe('the way to a session', () => {
  it('is closed to web pages', async () => {
    const socket = new WebSocket(`${supernode.url.replace('http', 'ws')}/v1/session`, {
      origin: 'https://evil.test',
    })
    const [error] = (await once(socket, 'error')) as [Error]
    expect(error.message).toContain('403')
  })

  it('is at its address only', async () => {
    const socket = new WebSocket(`${supernode.url.replace('http', 'ws')}/v1/sessions`)
    const [error] = (await once(socket, 'error')) as [Error]
    expect(error.message).toContain('404')
  })

  it('needs an upgrade', async () => {
    const response = await fetch(`${supernode.url}/v1/session`)
    expect(response.status).toBe(426)
  })

  it('survives callers who leave in the middle of it', async () => {
    const { port } = new URL(supernode.url)
    for (const path of ['/v1/session', '/elsewhere']) {
      const socket = connect(Number(port), '127.0.0.1')
      await once(socket, 'connect')
      socket.write(
        `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`,
      )
      socket.destroy()
    }
    await using host = await TestHost.connect(supernode.url)
    expect(host.socket.readyState).toBe(WebSocket.OPEN)
  })
})

describe('the seed in a plan', () => {
  it('has the name by which the host reached the SuperNode', async () => {
    const { content, identity } = blobSample(1000)
    await using origin = await startOrigin({ content })
    const url = supernode.url.replace('127.0.0.1', 'localhost')
    await using host = await TestHost.connect(url)
    host.join(identity, `${origin.url}/blob`)
    const { supernode: seed } = await host.next('welcome')
    expect(await host.next('plan')).toMatchObject({ parents: [{ host: seed, url }] })
  })

  it('has the name that was configured', async () => {
    const { content, identity } = blobSample(1000)
    await using origin = await startOrigin({ content })
    await using named = await bootSupernode({ flags: ['--advertise', 'http://sn.test:1/'] })
    await using host = await TestHost.connect(named.url)
    host.join(identity, `${origin.url}/blob`)
    expect(await host.next('plan')).toMatchObject({ parents: [{ url: 'http://sn.test:1' }] })
  })
})
