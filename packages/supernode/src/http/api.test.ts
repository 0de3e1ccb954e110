import { enumerateRoutes } from '@df/kit'
import {
  contentPath,
  HostListSchema,
  headers,
  PeerListSchema,
  PieceMapSchema,
  ProblemSchema,
  pieceCount,
  routes,
  SwarmInfoSchema,
  type TaskInfo,
  TaskInfoSchema,
  TaskListSchema,
} from '@df/proto'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bootSupernode, type RunningSupernode } from '../test-support/boot.ts'
import { TestHost } from '../test-support/host.ts'
import { type Origin, startOrigin } from '../test-support/origin.ts'
import { blobSample, MiB, type Sample } from '../test-support/sample.ts'

let sample: Sample
let origin: Origin
let supernode: RunningSupernode
let host: TestHost
let id: string

beforeAll(async () => {
  sample = blobSample(2 * MiB)
  origin = await startOrigin({ content: sample.content })
  supernode = await bootSupernode({ flags: ['--operator-token', 'a-token-of-the-operator'] })
  host = await TestHost.connect(supernode.url)
  id = host.join(sample.identity, `${origin.url}/blob?signature=secret`)
  await host.next('plan')
  await vi.waitUntil(async () => {
    const task = (await supernode.get(`/api/v1/tasks/${id}`)) as TaskInfo
    return task.state === 'complete'
  })
})
afterAll(async () => {
  await host.close()
  await supernode[Symbol.asyncDispose]()
  await origin.stop()
})

describe('the API', () => {
  it('answers what its schemas say', async () => {
    const expectations: [string, TSchema][] = [
      ['/api/v1/tasks', TaskListSchema],
      [`/api/v1/tasks/${id}`, TaskInfoSchema],
      [`/api/v1/tasks/${id}/peers`, PeerListSchema],
      [`/api/v1/tasks/${id}/swarm`, SwarmInfoSchema],
      [`/api/v1/tasks/${id}/pieces`, PieceMapSchema],
      ['/api/v1/hosts', HostListSchema],
    ]
    for (const [path, schema] of expectations) {
      const answer = await supernode.get(path)
      expect({ path, fits: Value.Check(schema, answer) }).toEqual({ path, fits: true })
    }
  })

  it('tells of a task, without what is secret in its URL', async () => {
    expect(await supernode.get(`/api/v1/tasks/${id}`)).toMatchObject({
      id,
      kind: 'blob',
      url: `${origin.url}/blob`,
      digest: sample.identity.digest,
      contentLength: 2 * MiB,
      pieces: 32,
      peers: 1,
      completePeers: 0,
      originBytes: 2 * MiB,
      error: null,
    })
    expect(await supernode.get(`/api/v1/tasks/${id}/peers`)).toMatchObject({
      peers: [{ host: host.id, complete: false, banned: false, parents: [] }],
    })
    expect(await supernode.get(`/api/v1/tasks/${id}/pieces`)).toEqual({
      pieces: 32,
      seed: '32:all',
      hosts: [{ host: host.id, have: '32:none' }],
    })
    expect(await supernode.get('/api/v1/hosts')).toMatchObject({
      hosts: [{ id: host.id, tasks: 1, program: 'test' }],
    })
  })

  it('counts what is sent', async () => {
    const task = await host.next('task')
    await host.fetch(task)
    expect(await supernode.get(`/api/v1/tasks/${id}`)).toMatchObject({ uploadedBytes: 2 * MiB })
    const metrics = await (await fetch(`${supernode.url}/metrics`)).text()
    expect(metrics).toContain('supernode_registry_bytes_per_blob_byte_ratio 1\n')
    expect(metrics).toContain(`supernode_uploaded_bytes_total ${2 * MiB}\n`)
    expect(metrics).toContain('supernode_sessions 1\n')
    expect(metrics).toContain('supernode_tasks_complete 1\n')
    expect(metrics).toMatch(/supernode_seed_first_byte_seconds_count 1\n/)
  })

  it('says what it does not know, and what is malformed', async () => {
    const unknown = await fetch(`${supernode.url}/api/v1/tasks/${'0'.repeat(64)}`)
    expect(unknown.status).toBe(404)
    expect(await unknown.json()).toMatchObject({ code: 'TASK_NOT_FOUND' })
    const malformed = await fetch(`${supernode.url}/api/v1/tasks/nonsense/peers`)
    expect(malformed.status).toBe(400)
    expect(Value.Check(ProblemSchema, await malformed.json())).toBe(true)
  })

  it('deletes a task: its hosts hear of it, its content goes', async () => {
    const other = blobSample(MiB)
    await using second = await startOrigin({ content: other.content })
    const task = host.join(other.identity, `${second.url}/blob`)
    const known = await host.next('task', (message) => message.task === task)
    const remove = () => fetch(`${supernode.url}/api/v1/tasks/${task}`, { method: 'DELETE' })
    expect((await remove()).status).toBe(204)
    expect(await host.next('failed')).toMatchObject({ task, code: 'TASK_DELETED' })
    expect((await host.fetch(known)).status).toBe(404)
    expect((await remove()).status).toBe(404)
  })
})

describe('the routes', () => {
  it('each have an access rule, and are all there are', async () => {
    const found = enumerateRoutes(supernode.supernode.server)
      .filter(({ method }) => method !== 'HEAD')
      .map(({ method, path, access, enforcedBy }) => `${method} ${path} ${access} ${enforcedBy}`)
    expect(found.toSorted()).toEqual([
      'DELETE /api/v1/preheats/:preheatId operator factory',
      'DELETE /api/v1/tasks/:taskId operator factory',
      'GET /api/v1/hosts operator factory',
      'GET /api/v1/openapi.json anyone factory',
      'GET /api/v1/preheats operator factory',
      'GET /api/v1/preheats/:preheatId operator factory',
      'GET /api/v1/tasks operator factory',
      'GET /api/v1/tasks/:taskId operator factory',
      'GET /api/v1/tasks/:taskId/peers operator factory',
      'GET /api/v1/tasks/:taskId/pieces operator factory',
      'GET /api/v1/tasks/:taskId/swarm operator factory',
      'GET /docker/registry/v2/blobs/* origin handler',
      'GET /healthz anyone factory',
      'GET /metrics anyone factory',
      'GET /origin/* origin handler',
      'GET /readyz anyone factory',
      'GET /v1/session host handler',
      'GET /v1/tasks/:taskId/content ticket handler',
      'POST /api/v1/preheats operator factory',
      'POST /api/v1/registry-events operator factory',
    ])
  })

  it('for operators are closed to other hosts without the token', async () => {
    const ask = (authorization?: string) =>
      supernode.supernode.server.inject({
        url: routes.tasks.path,
        remoteAddress: '10.0.0.9',
        headers: authorization === undefined ? {} : { authorization },
      })
    expect((await ask()).statusCode).toBe(403)
    expect((await ask('Bearer a-token-of-nobody-here')).statusCode).toBe(403)
    expect((await ask('Bearer a-token-of-the-operator')).statusCode).toBe(200)
  })

  it('for content want a ticket for that very task', async () => {
    const { ticket, task } = await host.next('task')
    const ask = async (of: string, value?: string, method = 'GET') => {
      const response = await fetch(supernode.url + contentPath(of as typeof task), {
        method,
        headers: value === undefined ? {} : { [headers.ticket]: value },
      })
      await response.arrayBuffer()
      return response
    }
    expect((await ask(task)).status).toBe(403)
    const otherEnd = ticket.endsWith('AA') ? 'QA' : 'AA'
    expect((await ask(task, ticket.slice(0, -2) + otherEnd)).status).toBe(403)
    expect((await ask('1'.repeat(64), ticket)).status).toBe(403)
    expect((await ask(task, ticket)).status).toBe(200)
    const head = await ask(task, ticket, 'HEAD')
    expect(head.headers.get('content-length')).toBe(String(2 * MiB))
  })
})

describe('the OpenAPI document', () => {
  it('has every route of the API, with answers and errors', async () => {
    const document = (await supernode.get(routes.openapi.path)) as OpenApi
    expect(document.openapi).toBe('3.1.0')
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const served = enumerateRoutes(supernode.supernode.server)
      .filter(({ access, method }) => access === 'operator' && method !== 'HEAD')
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/, '{$1}')}`)
    expect(described.toSorted()).toEqual(served.toSorted())
    for (const operation of Object.values(document.paths).flatMap(Object.values<Operation>)) {
      expect(operation.responses['default']).toEqual({ $ref: '#/components/responses/Problem' })
      expect(operation.operationId).toBeTruthy()
    }
    expect(document.components.responses['Problem']).toBeDefined()
  })

  it('has schemas that real answers fit', async () => {
    const document = (await supernode.get(routes.openapi.path)) as OpenApi
    const operation = document.paths['/api/v1/tasks/{taskId}/pieces']?.['get']
    const schema = operation?.responses['200']?.content?.['application/json']?.schema
    const answer = (await supernode.get(`/api/v1/tasks/${id}/pieces`)) as { pieces: number }
    expect(schema).toMatchObject({ type: 'object', properties: { pieces: { type: 'integer' } } })
    expect(Value.Check(schema ?? {}, answer)).toBe(true)
    expect(answer.pieces).toBe(pieceCount((await host.next('task')).geometry))
  })
})

interface Operation {
  operationId: string
  responses: Record<string, { content?: Record<string, { schema: TSchema }> }>
}

interface OpenApi {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { responses: Record<string, unknown> }
}
