import { execFileSync } from 'node:child_process'
import { connect } from 'node:net'
import { AppError, headers } from '@df/proto'
import type { FastifyInstance } from 'fastify'
import { Agent, request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { createHttpServer, enumerateRoutes, type HttpServerOptions } from './http-server.ts'
import { listen } from './listen.ts'
import { createLogger, silentLogger } from './log.ts'
import { createMetrics } from './metrics.ts'

function make(options: Partial<HttpServerOptions> = {}): FastifyInstance {
  const server = createHttpServer({
    logger: silentLogger(),
    metrics: createMetrics('supernode'),
    name: 'api',
    isReady: () => true,
    access: {},
    ...options,
  })
  onTestFinished(async () => {
    await server.close()
  })
  return server
}

const remote = { remoteAddress: '203.0.113.7' }

test('health, readiness and metrics are there for anyone', async () => {
  let ready = false
  const server = make({ isReady: () => ready })
  const status = async (url: string) => (await server.inject({ url, ...remote })).statusCode
  expect([await status('/healthz'), await status('/readyz')]).toEqual([200, 503])
  ready = true
  expect(await status('/readyz')).toBe(200)
  const metrics = await server.inject({ url: '/metrics', ...remote })
  expect(metrics.headers['content-type']).toContain('version=0.0.4')
  expect(metrics.body).toContain(
    'supernode_http_requests_total{server="api",route="/readyz",status="503"} 1',
  )
})

test('readiness may tell of parts that the program can do without', async () => {
  const server = make({ readyDetail: () => ({ supernodes: 0 }) })
  const response = await server.inject({ url: '/readyz', ...remote })
  expect([response.statusCode, response.json()]).toEqual([200, { ready: true, supernodes: 0 }])
})

test('an AppError is answered as problem+json with its status and hint', async () => {
  const server = make()
  server.get('/api/v1/tasks', () => {
    throw new AppError('DISK_FULL', 'no space for 3 GiB', { hint: 'free some' })
  })
  const response = await server.inject('/api/v1/tasks')
  expect(response.statusCode).toBe(507)
  expect(response.headers['content-type']).toContain('application/problem+json')
  expect(response.json()).toEqual({
    type: 'urn:dragonfly:error:DISK_FULL',
    title: 'no space left for the content',
    status: 507,
    code: 'DISK_FULL',
    detail: 'no space for 3 GiB',
    hint: 'free some',
  })
})

test('an unforeseen error is logged, and its text is not told', async () => {
  const lines: string[] = []
  const logger = createLogger({
    program: 'x',
    level: 'error',
    stream: { write: (line) => lines.push(line) },
  })
  const server = make({ logger })
  server.get('/api/v1/tasks', () => {
    throw new Error('inner workings')
  })
  const response = await server.inject('/api/v1/tasks')
  expect(response.json()).toEqual({
    type: 'urn:dragonfly:error:INTERNAL',
    title: 'an unforeseen error',
    status: 500,
    code: 'INTERNAL',
  })
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('inner workings')
})

test('bad requests are problems too: unknown routes, bad escapes, bodies too large or malformed', async () => {
  const server = make({ maxBodyBytes: 10 })
  server.post('/api/v1/downloads', async () => 'done')
  const post = (body: string) =>
    server.inject({
      method: 'POST',
      url: '/api/v1/downloads',
      headers: { [headers.client]: '1', 'content-type': 'application/json' },
      body,
    })
  const answers = await Promise.all([
    server.inject('/nowhere?secret=1'),
    server.inject('/%zz'),
    post('{"a":1234567}'),
    post('{'),
  ])
  expect(answers.map((answer) => [answer.statusCode, answer.json().code])).toEqual([
    [404, 'ROUTE_UNKNOWN'],
    [400, 'REQUEST_INVALID'],
    [413, 'REQUEST_INVALID'],
    [400, 'REQUEST_INVALID'],
  ])
  expect(answers[0]?.body).not.toContain('secret')
})

test('a body is checked, not mended: extra properties and other types are refused', async () => {
  const server = make()
  const body = {
    type: 'object',
    additionalProperties: false,
    properties: { n: { type: 'integer' } },
  }
  server.post('/api/v1/downloads', { schema: { body } }, async () => 'done')
  const post = (payload: object) =>
    server.inject({
      method: 'POST',
      url: '/api/v1/downloads',
      headers: { [headers.client]: '1' },
      payload,
    })
  const statuses = await Promise.all([post({ n: 1 }), post({ n: '1' }), post({ m: 1 })])
  expect(statuses.map((answer) => answer.statusCode)).toEqual([200, 400, 400])
})

test('only declared routes can be registered, by their own rule', () => {
  const server = make()
  expect(() => server.get('/api/v1/secrets', async () => '')).toThrow('not declared')
  expect(() => server.post('/api/v1/tasks', async () => '')).toThrow('not declared')
  expect(() => server.get('/v1/tasks/:taskId/content', async () => '')).toThrow(
    "must enforce 'ticket'",
  )
  const wrong = { config: { enforces: 'host' } } as const
  expect(() => server.get('/v1/tasks/:taskId/content', wrong, async () => '')).toThrow(
    "must enforce 'ticket'",
  )
  expect(() => server.get('/api/v1/hosts', wrong, async () => '')).toThrow('by the factory')
})

test('every route is listed with its rule, those of plugins too', async () => {
  const server = make()
  await server.register(async (scope) => {
    scope.route({
      method: ['GET', 'HEAD', 'PUT'],
      url: '/v2/*',
      config: { enforces: 'registry' },
      handler: async () => '',
    })
    scope.delete('/api/v1/tasks/:taskId', async () => '')
  })
  await server.ready()
  const listed = enumerateRoutes(server).map(
    (route) => `${route.method} ${route.path} ${route.access} ${route.enforcedBy}`,
  )
  expect(listed).toEqual([
    'GET /healthz anyone factory',
    'HEAD /healthz anyone factory',
    'GET /readyz anyone factory',
    'HEAD /readyz anyone factory',
    'GET /metrics anyone factory',
    'HEAD /metrics anyone factory',
    'GET /v2/* registry handler',
    'HEAD /v2/* registry handler',
    'PUT /v2/* registry handler',
    'DELETE /api/v1/tasks/:taskId operator factory',
  ])
})

test('operators are callers on this host, or those with the token', async () => {
  const server = make({ access: { operatorToken: 'open-sesame' } })
  server.get('/api/v1/hosts', async () => 'hosts')
  const status = async (options: object) =>
    (await server.inject({ url: '/api/v1/hosts', ...options })).statusCode
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
  expect(await status({ remoteAddress: '127.0.0.1' })).toBe(200)
  expect(await status({ remoteAddress: '::ffff:127.0.0.1' })).toBe(200)
  expect(await status({ ...remote, ...bearer('open-sesame') })).toBe(200)
  expect(await status({ ...remote, ...bearer('open-sesam') })).toBe(403)
  expect(await status({ ...remote, headers: { 'x-forwarded-for': '127.0.0.1' } })).toBe(403)
  expect(await status(remote)).toBe(403)
})

test('without a configured token no token is right, not even an empty one', async () => {
  const server = make({ access: { operatorToken: '' } })
  server.get('/api/v1/hosts', async () => 'hosts')
  const headersOf = { authorization: 'Bearer ' }
  const response = await server.inject({ url: '/api/v1/hosts', ...remote, headers: headersOf })
  expect(response.statusCode).toBe(403)
})

test('a web page cannot use the browser on this host to pass for a local caller', async () => {
  const server = make()
  server.get('/api/v1/hosts', async () => 'hosts')
  const status = async (extra: Record<string, string>) =>
    (await server.inject({ url: '/api/v1/hosts', headers: extra })).statusCode
  expect(await status({ origin: 'http://evil.example' })).toBe(403)
  expect(await status({ host: 'rebound.evil.example:8002' })).toBe(403)
  expect(await status({ host: '[::1]:8002' })).toBe(200)
})

test('local routes want a caller on this host and the client header', async () => {
  const server = make({ access: { operatorToken: 'token' } })
  server.post('/api/v1/downloads', async () => 'done')
  const status = async (options: object) =>
    (await server.inject({ method: 'POST', url: '/api/v1/downloads', ...options })).statusCode
  const client = { [headers.client]: 'dfget' }
  expect(await status({ headers: client })).toBe(200)
  expect(await status({})).toBe(403)
  expect(await status({ headers: client, ...remote })).toBe(403)
  expect(await status({ headers: { ...client, authorization: 'Bearer token' }, ...remote })).toBe(
    403,
  )
})

test('bytes can be sent past fastify, and are counted; answers do not name the software', async () => {
  const metrics = createMetrics('supernode')
  const server = make({ metrics })
  server.get('/v1/tasks/:taskId/content', { config: { enforces: 'ticket' } }, (_, reply) => {
    reply.hijack()
    reply.raw.writeHead(206, { 'content-length': 5 }).end('bytes')
  })
  const { url } = await listen(server, { host: '127.0.0.1', port: 0 })
  const response = await fetch(`${url}/v1/tasks/0/content`)
  expect([response.status, await response.text()]).toEqual([206, 'bytes'])
  expect([...response.headers.keys()].sort()).toEqual([
    'connection',
    'content-length',
    'date',
    'keep-alive',
  ])
  expect(await metrics.text()).toContain('route="/v1/tasks/:taskId/content",status="206"} 1')
})

test('an answer that the caller cut short is counted too', async () => {
  const metrics = createMetrics('supernode')
  const server = make({ metrics })
  server.get('/v1/tasks/:taskId/content', { config: { enforces: 'ticket' } }, (_, reply) => {
    reply.hijack()
    reply.raw.write('never complete')
  })
  const { host, port } = await listen(server, { host: '127.0.0.1', port: 0 })
  const socket = connect(port, host)
  socket.write('GET /v1/tasks/0/content HTTP/1.1\r\nHost: x\r\n\r\n')
  socket.once('data', () => socket.destroy())
  await expect.poll(() => metrics.text()).toContain('content",status="200"} 1')
})

test('it speaks TLS when it has a certificate, and its URL says so', async () => {
  const pem = execFileSync(
    'openssl',
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x -keyout - -out -'.split(
      ' ',
    ),
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const server = make({ tls: { cert: pem, key: pem } })
  const { url } = await listen(server, { host: '127.0.0.1', port: 0 })
  const agent = new Agent({ connect: { rejectUnauthorized: false } })
  const response = await request(`${url}/healthz`, { dispatcher: agent })
  expect([url.slice(0, 8), await response.body.text()]).toEqual(['https://', 'ok\n'])
  const startedAt = performance.now()
  await server.close()
  expect(performance.now() - startedAt).toBeLessThan(1000)
  await agent.destroy()
})

test('upgrades can be handled, and closing ends them and answers without end within the grace', async () => {
  const server = make()
  server.get('/v1/session', { config: { enforces: 'host' } }, (_, reply) => {
    reply.hijack()
    reply.raw.write('never complete')
  })
  server.server.on('upgrade', (_, socket) => {
    socket.on('error', () => undefined)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
  })
  const { host, port } = await listen(server, { host: '127.0.0.1', port: 0 })
  const first = async (extra: string) => {
    const socket = connect(port, host)
    socket.on('error', () => undefined)
    socket.write(`GET /v1/session HTTP/1.1\r\nHost: x\r\n${extra}\r\n`)
    return new Promise((resolve) =>
      socket.once('data', (data) => resolve(String(data).slice(9, 12))),
    )
  }
  expect(await first('Connection: Upgrade\r\nUpgrade: x\r\n')).toBe('101')
  expect(await first('')).toBe('200')
  const startedAt = performance.now()
  await server.close()
  expect(performance.now() - startedAt).toBeLessThan(4000)
})

test('a diversion takes requests past routes, metrics and the limit on their bodies; the others are routed', async () => {
  const metrics = createMetrics('supernode')
  const server = make({
    metrics,
    diversion: {
      divert({ url }, response) {
        if (url !== 'http://else.where/') return false
        response.end('diverted')
        return true
      },
      takesUpgrade: () => false,
    },
  })
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 })
  const ask = async (path: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      let said = ''
      socket.setEncoding('utf8').on('data', (part) => {
        said += part
      })
      socket.once('close', () => resolve(said))
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close, upgrade\r\nUpgrade: x\r\n\r\n`,
      )
    })
  expect(await ask('http://else.where/')).toMatch(/^HTTP\/1.1 200 .*diverted$/s)
  expect(await ask('/healthz')).toMatch(/^HTTP\/1.1 200 .*ok\n$/s)
  expect(await metrics.text()).not.toMatch(/requests_total.*unknown/)
  expect(server.server.requestTimeout).toBe(0)
})
