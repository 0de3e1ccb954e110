import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { contentPath, headers } from '@df/proto'
import { makeCa } from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootSupernode } from '../test-support/boot.ts'
import { TestHost } from '../test-support/host.ts'
import { startOrigin } from '../test-support/origin.ts'
import { blobSample } from '../test-support/sample.ts'

let dir: string
let ca: string
let cert: string
let key: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'df-tls-'))
  const authority = await makeCa(dir)
  const issued = await authority.issue('localhost')
  ca = authority.certificate
  cert = issued.certPath
  key = issued.keyPath
})
afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

describe('over TLS', () => {
  it('sessions, content and the API are all at one address', async () => {
    const { content, identity } = blobSample(1000)
    await using origin = await startOrigin({
      content,
      before(incoming, response) {
        if (incoming.headers.authorization === 'Basic right') return undefined
        response.writeHead(401).end()
        return true
      },
    })
    await using supernode = await bootSupernode({ flags: ['--tls-cert', cert, '--tls-key', key] })
    const url = supernode.url.replace('127.0.0.1', 'localhost')
    await using host = await TestHost.connect(url, { ca })
    host.join(identity, `${origin.url}/blob`, { headers: { authorization: 'Basic right' } })
    const { task, ticket } = await host.next('task')
    expect(await host.next('plan')).toMatchObject({ parents: [{ url }] })

    const get = async (path: string, more: Record<string, string> = {}) => {
      const asked = request(url + path, { ca, headers: more })
      asked.end()
      const [answer] = (await once(asked, 'response')) as [IncomingMessage]
      return { status: answer.statusCode, body: await buffer(answer) }
    }
    expect((await get(contentPath(task), { [headers.ticket]: ticket })).body.equals(content)).toBe(
      true,
    )
    expect((await get('/api/v1/hosts')).status).toBe(200)
  })

  it('needs certificate and key, both readable', async () => {
    await expect(bootSupernode({ flags: ['--tls-cert', cert] })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
    const flags = ['--tls-cert', cert, '--tls-key', join(dir, 'absent')]
    await expect(bootSupernode({ flags })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('over IPv6', () => {
  it('serves like over IPv4', async () => {
    const { content, identity } = blobSample(1000)
    await using origin = await startOrigin({ content })
    await using supernode = await bootSupernode({ listen: '[::1]:0' })
    expect(supernode.url).toMatch(/^http:\/\/\[::1\]:\d+$/)
    await using host = await TestHost.connect(supernode.url)
    host.join(identity, `${origin.url}/blob`)
    expect(await host.next('plan')).toMatchObject({ parents: [{ url: supernode.url }] })
    expect((await host.fetch(await host.next('task'))).body.equals(content)).toBe(true)
  })
})
