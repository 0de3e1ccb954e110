import { generationOf } from '@df/codec'
import { AppError } from '@df/proto'
import { bytesSource, type FileOrigin, startFileOrigin } from '@df/testkit'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { ask, type ClientRequest } from '../test-support/client.ts'
import { basic, bytesOf, startMirror, type TestMirror } from '../test-support/mirror.ts'
import { ProxyRules } from './rules.ts'

describe('a blob of a registry', () => {
  const content = bytesOf('blob', 300_000)

  it('comes from the swarm, after its registry gave its leave to this caller', async () => {
    const mirror = await startMirror({
      registry: { auth: { scheme: 'basic', users: { bob: 'secret' } } },
    })
    const digest = await mirror.addBlob('team/app', content)
    const path = `${mirror.registry.url}/v2/team/app/blobs/${digest}`
    const refused = await mirror.ask(path)
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([
      401,
      'Basic realm="test"',
    ])
    const headers = { authorization: basic('bob', 'secret') }
    const answer = await mirror.ask(path, { headers })
    expect([answer.status, answer.body.equals(content)]).toEqual([200, true])
    const part = await mirror.ask(path, { headers: { ...headers, range: 'bytes=100-' } })
    expect([part.status, part.body.equals(content.subarray(100))]).toEqual([206, true])
    expect(mirror.registry.log.matching(/^GET .*blobs/).map(({ status }) => status)).toEqual([401])
    expect(mirror.log()).not.toContain(basic('bob', 'secret'))
    await expect.poll(() => mirror.log()).toMatch(/"passage":"blob","status":206/)
    expect(mirror.log()).toMatch(/"passage":"blob","status":200.*"received":{"peers":300000,/)
  })

  it('comes from its registry when the engine fails, before or while it is sent', async () => {
    const mirror = await startMirror()
    const digest = await mirror.addBlob('team/app', content)
    const path = `${mirror.registry.url}/v2/team/app/blobs/${digest}`
    for (const behaviour of [
      { openError: new AppError('DISK_FULL', 'full') },
      { failAt: 130_000 },
    ]) {
      mirror.engine.behaviour = behaviour
      const answer = await mirror.ask(path)
      expect([answer.status, answer.complete, answer.body.equals(content)]).toEqual([
        200,
        true,
        true,
      ])
    }
  })

  it.each([
    ['a cookie', { headers: { cookie: 'a=b' } }],
    ['a key of another kind', { headers: { 'private-token': 'x' } }],
    ['a condition', { headers: { 'if-modified-since': 'yesterday' } }],
    ['another method', { method: 'HEAD' }],
  ] satisfies [string, ClientRequest][])('is asked at the registry with %s', async (_, request) => {
    const mirror = await startMirror()
    const digest = await mirror.addBlob('team/app', content)
    await mirror.ask(`${mirror.registry.url}/v2/team/app/blobs/${digest}`, request)
    expect(mirror.registry.log.entries).toHaveLength(1)
    expect(mirror.engine.opened).toEqual([])
  })

  it('is asked at the registry when a rule says so', async () => {
    const mirror = await startMirror({ proxy: { rules: new ProxyRules(['blobs direct']) } })
    const digest = await mirror.addBlob('team/app', content)
    await mirror.ask(`${mirror.registry.url}/v2/team/app/blobs/${digest}`)
    expect(mirror.engine.opened).toEqual([])
  })

  it('that was wrong a moment ago is asked at the registry', async () => {
    const mirror = await startMirror()
    const digest = await mirror.addBlob('team/app', content)
    const path = `${mirror.registry.url}/v2/team/app/blobs/${digest}`
    mirror.engine.behaviour = {
      failAt: 130_000,
      failWith: new AppError('CONTENT_DIGEST_MISMATCH', 'wrong'),
    }
    expect((await mirror.ask(path)).complete).toBe(false)
    const again = await mirror.ask(path)
    expect([again.complete, again.body.equals(content)]).toEqual([true, true])
    expect(await mirror.metrics()).toContain('dfdaemon_proxy_fallbacks_total 1')
  })
})

describe('a file that a rule sends through the swarm', () => {
  const content = bytesOf('file', 300_000)
  let origin: FileOrigin
  let mirror: TestMirror
  let etag: string

  beforeEach(async () => {
    origin = await startFileOrigin()
    onTestFinished(() => origin.stop())
    origin.files.set('/a.tar', bytesSource(content))
    mirror = await startMirror({ proxy: { rules: new ProxyRules(['\\.tar(\\?|$) swarm']) } })
    etag = (await ask(origin.url, '/a.tar', { method: 'HEAD' })).headers.etag ?? ''
    origin.log.clear()
    mirror.engine.put({ kind: 'url', canonicalUrl: `${origin.url}/a.tar` }, content)
    mirror.engine.behaviour = { generation: generationOf({ etag, contentLength: content.length }) }
  })

  const fetchFile = (request?: ClientRequest) => mirror.ask(`${origin.url}/a.tar`, request)
  const methods = () => origin.log.entries.map(({ method }) => method)

  it('has the origin’s fields, and its bytes are the swarm’s', async () => {
    origin.faults.set({
      match: '.',
      headers: { 'content-type': 'application/x-tar', 'x-served-by': 'a' },
    })
    const answer = await fetchFile()
    expect([answer.status, answer.body.equals(content)]).toEqual([200, true])
    expect(answer.headers).toMatchObject({
      'content-type': 'application/x-tar',
      'x-served-by': 'a',
      etag,
    })
    expect(methods()).toEqual(['HEAD'])
    expect(mirror.engine.opened).toMatchObject([{ confirm: true, identity: { kind: 'url' } }])
    expect(await mirror.metrics()).toContain(
      'dfdaemon_proxy_requests_total{passage="file",end="complete"} 1',
    )
  })

  it('is given in parts', async () => {
    const part = await fetchFile({ headers: { range: 'bytes=1000-1999', 'if-range': etag } })
    expect([part.status, part.headers['content-range'], part.headers['content-length']]).toEqual([
      206,
      'bytes 1000-1999/300000',
      '1000',
    ])
    expect(part.body.equals(content.subarray(1000, 2000))).toBe(true)
    expect(methods()).toEqual(['HEAD'])
  })

  it.each([
    ['is of another state there', { generation: 'another' }],
    ['cannot be opened there', { openError: new AppError('DISK_FULL', 'full') }],
  ])('comes from the origin when it %s', async (_, behaviour) => {
    mirror.engine.behaviour = behaviour
    const answer = await fetchFile()
    expect([answer.status, answer.body.equals(content)]).toEqual([200, true])
    expect(methods()).toEqual(['HEAD', 'GET'])
    expect(await mirror.metrics()).toContain('dfdaemon_proxy_fallbacks_total 1')
  })

  it.each([
    ['several parts', { headers: { range: 'bytes=0-1,5-6' } }],
    ['a part behind its end', { headers: { range: 'bytes=300000-' } }],
    ['a part of another state', { headers: { range: 'bytes=5-', 'if-range': '"another"' } }],
  ])('comes from the origin when %s are asked for', async (_, request) => {
    const [proxied, direct] = [await fetchFile(request), await ask(origin.url, '/a.tar', request)]
    expect([proxied.status, proxied.body.equals(direct.body)]).toEqual([direct.status, true])
    expect(mirror.engine.opened).toEqual([])
  })

  it('is gone on with at the origin when the swarm fails in the middle, if that still has the same', async () => {
    mirror.engine.behaviour = { ...mirror.engine.behaviour, failAt: 130_000 }
    const answer = await fetchFile()
    expect([answer.complete, answer.body.equals(content)]).toEqual([true, true])
    origin.faults.set({ match: '^GET', headers: { etag: '"changed"' } })
    const changed = await fetchFile()
    expect([
      changed.complete,
      changed.body.equals(content.subarray(0, changed.body.length)),
    ]).toEqual([false, true])
  })

  it('that is not there is answered by the origin', async () => {
    expect((await mirror.ask(`${origin.url}/none.tar`)).status).toBe(404)
    expect(mirror.engine.opened).toEqual([])
  })
})
