import type { IncomingMessage, ServerResponse } from 'node:http'
import { bytesSource, startRegistry } from '@df/testkit'
import { describe, expect, it } from 'vitest'
import { bootSupernode } from '../test-support/boot.ts'
import { TestHost } from '../test-support/host.ts'
import { startOrigin } from '../test-support/origin.ts'
import { blobSample, MiB } from '../test-support/sample.ts'

const bearer = 'Bearer realm="https://auth.test/token",service="test"'

/** An origin that wants this credential. */
function wants(credential: string) {
  return (request: IncomingMessage, response: ServerResponse) => {
    if (request.headers.authorization === credential) return undefined
    response.writeHead(request.headers.authorization === undefined ? 401 : 403, {
      'www-authenticate': 'Basic realm="test"',
    })
    response.end()
    return true
  }
}

describe('a refusal of the origin', () => {
  it.each([
    [401, 'ORIGIN_UNAUTHORIZED', { 'www-authenticate': bearer }],
    [403, 'ORIGIN_FORBIDDEN', {}],
    [404, 'ORIGIN_NOT_FOUND', {}],
    [429, 'ORIGIN_RATE_LIMITED', { 'retry-after': '30' }],
    [500, 'ORIGIN_FAILED', {}],
    [451, 'ORIGIN_FAILED', {}],
  ])('reaches the host as it is: %i', async (status, code, headers) => {
    const { content, identity } = blobSample(MiB)
    await using origin = await startOrigin({
      content,
      before(_, response) {
        response.writeHead(status, headers).end()
        return true
      },
    })
    await using supernode = await bootSupernode()
    await using host = await TestHost.connect(supernode.url)
    host.join(identity, `${origin.url}/blob`)
    const failed = await host.next('failed')
    expect(failed).toMatchObject({ code, status })
    expect(failed.headers ?? {}).toEqual(headers)
  })

  it('holds for the same source only', async () => {
    const { content, identity } = blobSample(MiB)
    await using origin = await startOrigin({ content, before: wants('Basic right') })
    await using supernode = await bootSupernode()
    const join = async (authorization?: string) => {
      await using host = await TestHost.connect(supernode.url)
      const headers = authorization === undefined ? {} : { headers: { authorization } }
      host.join(identity, `${origin.url}/blob`, headers)
      return await host.first(({ type }) => type === 'failed' || type === 'task')
    }
    expect(await join()).toMatchObject({ status: 401 })
    expect(await join('Basic wrong')).toMatchObject({ status: 403 })
    expect(await join('Basic right')).toMatchObject({ type: 'task' })
    expect(await join()).toMatchObject({ type: 'task' })
  })

  it('of one host makes the seed try the credentials of the next', async () => {
    const { content, identity } = blobSample(MiB)
    await using origin = await startOrigin({ content, before: wants('Basic right') })
    await using supernode = await bootSupernode()
    await using refused = await TestHost.connect(supernode.url)
    await using admitted = await TestHost.connect(supernode.url)
    const url = `${origin.url}/blob`
    refused.join(identity, url, { headers: { authorization: 'Basic wrong' } })
    admitted.join(identity, url, { headers: { Authorization: 'Basic right' } })
    expect(await refused.next('failed')).toMatchObject({ code: 'ORIGIN_FORBIDDEN', status: 403 })
    const task = await admitted.next('task')
    expect((await admitted.fetch(task)).body.equals(content)).toBe(true)
  })

  it('in the middle of the reading makes the seed go on with other credentials', async () => {
    const { content, identity } = blobSample(20 * MiB)
    await using origin = await startOrigin({
      content,
      before(request, response, nth) {
        if (nth === 1 || request.headers.authorization === 'Basic fresh') return undefined
        response.writeHead(401, { 'www-authenticate': bearer }).end()
        return true
      },
    })
    await using supernode = await bootSupernode()
    await using stale = await TestHost.connect(supernode.url)
    await using fresh = await TestHost.connect(supernode.url)
    const url = `${origin.url}/blob`
    stale.join(identity, url, { headers: { authorization: 'Basic stale' } })
    fresh.join(identity, url, { headers: { authorization: 'Basic fresh' } })
    expect(await stale.next('failed')).toMatchObject({ status: 401 })
    const task = await fresh.next('task')
    const all = await fresh.fetch(task)
    expect(all.body.equals(content)).toBe(true)
    expect(origin.sentBytes()).toBeLessThanOrEqual(content.length)
  })

  it('of a guarded address names the flag that lists it', async () => {
    const { identity } = blobSample(MiB)
    await using supernode = await bootSupernode()
    await using host = await TestHost.connect(supernode.url)
    host.join(identity, 'http://10.1.2.3/blob')
    const failed = await host.next('failed')
    expect(failed.code).toBe('ORIGIN_REFUSED')
    expect(failed.status).toBeUndefined()
  })

  it('of an unreachable origin reaches all hosts', async () => {
    const { content, identity } = blobSample(MiB)
    const origin = await startOrigin({ content })
    await origin.stop()
    await using supernode = await bootSupernode()
    await using one = await TestHost.connect(supernode.url)
    await using other = await TestHost.connect(supernode.url)
    one.join(identity, `${origin.url}/blob`, { headers: { authorization: 'Basic one' } })
    other.join(identity, `${origin.url}/blob`)
    expect(await one.next('failed')).toMatchObject({ code: 'ORIGIN_UNREACHABLE' })
    expect(await other.next('failed')).toMatchObject({ code: 'ORIGIN_UNREACHABLE' })
  })
})

describe('a registry that gives tokens to anybody', () => {
  it('is read with an anonymous token when no host brought credentials', async () => {
    const { content, identity } = blobSample(20 * MiB)
    const registry = await startRegistry({
      auth: { scheme: 'token', users: {}, anonymous: '^library/x$' },
    })
    try {
      const digest = await registry.content.addBlob('library/x', bytesSource(content))
      await using supernode = await bootSupernode()
      await using host = await TestHost.connect(supernode.url)
      host.join(identity, `${registry.url}/v2/library/x/blobs/${digest}`)
      const task = await host.next('task')
      expect((await host.fetch(task)).body.equals(content)).toBe(true)
      const tokens = registry.log.matching(/ \/token/)
      expect(tokens).toHaveLength(1)
      expect(registry.log.matching(/blobs/).filter(({ status }) => status === 401)).toHaveLength(1)
    } finally {
      await registry.stop()
    }
  })
})
