import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startMirror } from '../test-support/mirror.ts'
import { NoProxy } from './no-proxy.ts'
import { ProxyRules } from './rules.ts'

const connectRefused = 'CONNECT refused.lan:443 HTTP/1.1\r\nHost: refused.lan\r\n\r\n'
const changeRefused = [
  'POST http://refused.lan/ HTTP/1.1',
  'Host: refused.lan',
  'Connection: Upgrade',
  'Upgrade: tcp',
  'Content-Length: 1000000',
  '\r\n',
].join('\r\n')
const changeFailing = changeRefused.replaceAll('refused.lan', '127.0.0.1:1')

describe('a refusal on a connection without a response', () => {
  it.each([
    ['CONNECT', connectRefused, 'a rule of this proxy refuses this address\n'],
    ['a change of the protocol', changeRefused, 'a rule of this proxy refuses this address\n'],
    ['one that fails', changeFailing, 'the origin cannot be reached: connect ECONNREFUSED'],
  ])('is read to its end by a client that goes on sending: %s', async (_, request, sentence) => {
    const client = await connected()
    client.write(request)
    for (let sent = 0; sent < 20; sent++) {
      client.write(Buffer.alloc(50_000))
      await sleep(10)
    }
    client.end()
    expect(await text(client)).toContain(`connection: close\r\n\r\n${sentence}`)
  })

  it('is cut after a short while for a client that does not stop sending', async () => {
    const client = await connected({ allowHalfOpen: true })
    client.write(connectRefused)
    const answer = await text(client)
    const startedMs = performance.now()
    // Only writing shows that the other side is gone.
    const failed = once(client, 'error')
    const writing = setInterval(() => client.write('more'), 50)
    onTestFinished(() => clearInterval(writing))
    await failed
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
    expect(performance.now() - startedMs).toBeLessThan(4000)
  })
})

/** A connection to a proxy that refuses `refused.lan`. */
async function connected({ allowHalfOpen = false } = {}): Promise<Socket> {
  const rules = new ProxyRules(['^https?://refused\\.lan/ refuse'])
  const { url } = await startMirror({ proxy: { rules, bypass: new NoProxy([]) } })
  const { hostname: host, port } = new URL(url)
  const client = connect({ host, port: Number(port), allowHalfOpen })
  client.on('error', () => {}) // whoever reads is told
  onTestFinished(() => void client.destroy())
  await once(client, 'connect')
  return client
}
