import { enumerateRoutes } from '@df/kit'
import { headers, routes } from '@df/proto'
import { describe, expect, it } from 'vitest'
import { bytesOf, startMirror } from './test-support/mirror.ts'

describe('every route', () => {
  it('has an access rule, and these are all', async () => {
    const { server } = await startMirror()
    const list = enumerateRoutes(server)
      .filter(({ method }) => method === 'GET' || method === 'POST')
      .map(({ method, path, access, enforcedBy }) => `${method} ${path} ${access} ${enforcedBy}`)
    expect(list.sort()).toEqual([
      'GET /api/v1/tasks operator factory',
      'GET /api/v1/tasks/:taskId operator factory',
      'GET /docker/registry/v2/blobs/* origin handler',
      'GET /healthz anyone factory',
      'GET /metrics anyone factory',
      'GET /origin/* origin handler',
      'GET /readyz anyone factory',
      'GET /v2/ registry handler',
      'GET /v2/* registry handler',
      'POST /api/v1/downloads local factory',
      'POST /v2/ registry handler',
      'POST /v2/* registry handler',
    ])
  })

  it('for this host is closed to others, and open to an operator with the token', async () => {
    const { server } = await startMirror({ operatorToken: 'operator-token-1' })
    const remote = { remoteAddress: '10.9.8.7', headers: { host: '10.0.0.1' } }
    for (const url of [routes.tasks.path, `/api/v1/tasks/${'0'.repeat(64)}`]) {
      expect((await server.inject({ url, ...remote })).statusCode).toBe(403)
      const headers = { ...remote.headers, authorization: 'Bearer operator-token-1' }
      expect((await server.inject({ url, ...remote, headers })).statusCode).not.toBe(403)
    }
    const download = await server.inject({
      method: 'POST',
      url: routes.download.path,
      remoteAddress: '10.9.8.7',
      headers: { [headers.client]: 'dfget', authorization: 'Bearer operator-token-1' },
      payload: { url: 'https://files.test/' },
    })
    expect(download.statusCode).toBe(403)
  })
})

describe('what is looked at', () => {
  it('is ready without a SuperNode, and says that it is away', async () => {
    const mirror = await startMirror()
    mirror.engine.connected = false
    const answer = await mirror.ask('/readyz')
    expect([answer.status, JSON.parse(answer.body.toString())]).toEqual([
      200,
      {
        ready: true,
        version: '1.2.3',
        peerPort: 65_002,
        supernodes: [{ supernode: 'http://supernode.test:8002', connected: false }],
      },
    ])
    expect((await mirror.ask('/healthz')).status).toBe(200)
  })

  it('counts pulls, bytes, rights, errors and sessions', async () => {
    const mirror = await startMirror()
    const digest = await mirror.addBlob('library/app', bytesOf('counted', 1234))
    const path = `/v2/library/app/blobs/${digest}`
    await mirror.ask(path)
    mirror.engine.behaviour = { failAt: 1000 }
    await mirror.ask(path)
    await mirror.ask('/v2/nothing')
    const { body } = await mirror.ask('/metrics')
    const text = body.toString()
    for (const line of [
      'dfdaemon_pulls_total{kind="blob",status="200"} 2',
      'dfdaemon_pulls_total{kind="unknown",status="404"} 1',
      'dfdaemon_blob_bytes_total 2468',
      'dfdaemon_registry_bytes_total 234',
      'dfdaemon_received_bytes_total{source="direct"} 234',
      'dfdaemon_rights_total{outcome="asked"} 1',
      'dfdaemon_rights_total{outcome="remembered"} 1',
      'dfdaemon_errors_total{part="engine",code="STORAGE_FAILED"} 1',
      'dfdaemon_first_byte_seconds_count{kind="blob"} 2',
      'dfdaemon_sessions 1',
    ]) {
      expect(text).toContain(line)
    }
  })

  it('lists tasks, and tells of one', async () => {
    const mirror = await startMirror()
    const digest = await mirror.addBlob('library/app', bytesOf('listed', 1234))
    await mirror.ask(`/v2/library/app/blobs/${digest}`)
    const list = JSON.parse((await mirror.ask('/api/v1/tasks')).body.toString())
    expect(list.tasks).toMatchObject([
      {
        digest,
        state: 'complete',
        contentLength: 1234,
        received: { peers: 1234, seed: 0, origin: 0 },
      },
    ])
    const one = await mirror.ask(`/api/v1/tasks/${list.tasks[0].id}`)
    expect(JSON.parse(one.body.toString())).toEqual(list.tasks[0])
    const none = await mirror.ask(`/api/v1/tasks/${'0'.repeat(64)}`)
    expect([none.status, JSON.parse(none.body.toString())]).toMatchObject([
      404,
      { code: 'TASK_NOT_FOUND' },
    ])
  })

  it('logs one line per pull, with where its bytes came from', async () => {
    const mirror = await startMirror()
    const digest = await mirror.addBlob('library/app', bytesOf('logged', 1234))
    await mirror.ask(`/v2/library/app/blobs/${digest}`)
    const lines = mirror
      .log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const pulls = lines.filter(({ msg }) => msg === 'pull answered')
    expect(pulls).toMatchObject([
      {
        level: 'info',
        method: 'GET',
        kind: 'blob',
        repository: 'library/app',
        digest,
        status: 200,
        outcome: 'complete',
        bytes: 1234,
        received: { peers: 1234, seed: 0, origin: 0, direct: 0 },
      },
    ])
  })
})
