import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppError } from '@df/proto'
import { Agent } from 'undici'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { AnonymousTokens } from './anonymous-token.ts'
import { parseChallenges } from './challenge.ts'

const dispatcher = new Agent()
const registry = new URL('http://registry.test/')
let answer: (request: IncomingMessage, response: ServerResponse) => void
let asked: IncomingMessage[] = []

afterEach(() => {
  asked = []
})

async function start(): Promise<string> {
  const server = createServer((request, response) => {
    asked.push(request)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const gives = (body: unknown, status = 200) => {
  answer = (_request, response) => response.writeHead(status).end(JSON.stringify(body))
}

function bearer(realm: string, scope = 'repository:a/b:pull') {
  const field = `Bearer realm="${realm}",service="the registry",scope="${scope}"`
  const [challenge] = parseChallenges(field)
  if (challenge === undefined) throw new Error(`not a challenge: ${field}`)
  return challenge
}

test('a token is asked for once, without credentials, and kept until shortly before it expires', async () => {
  const base = await start()
  let nowMs = 0
  const tokens = new AnonymousTokens({ dispatcher, now: () => nowMs })
  const challenge = bearer(`${base.replace('//', '//user:secret@')}/token?x=1`)
  gives({ token: 'one', expires_in: 100 })
  const both = [tokens.get(challenge, registry), tokens.get(challenge, registry)]
  expect(await Promise.all(both)).toEqual(['one', 'one'])
  gives({ access_token: 'two' })
  nowMs = 89_999
  expect(await tokens.get(challenge, registry)).toBe('one')
  expect(asked).toHaveLength(1)
  nowMs = 90_000
  expect(await tokens.get(challenge, registry)).toBe('two')
  nowMs = 90_000 + 50_000
  gives({ token: 'three' })
  expect(await tokens.get(challenge, registry)).toBe('three')
  expect(asked.map(({ url }) => url)).toContain(
    '/token?x=1&service=the+registry&scope=repository%3Aa%2Fb%3Apull',
  )
  expect(asked.map(({ headers }) => headers.authorization)).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})

test('tokens of other scopes are apart, and a forgotten one is asked for again', async () => {
  const base = await start()
  const tokens = new AnonymousTokens({ dispatcher })
  answer = (request, response) =>
    response.end(JSON.stringify({ token: `t${asked.indexOf(request)}`, expires_in: 300 }))
  const [a, b] = [bearer(base, 'repository:a:pull'), bearer(base, 'repository:b:pull x:y:z')]
  expect(await tokens.get(a, registry)).toBe('t0')
  expect(await tokens.get(b, registry)).toBe('t1')
  expect(asked[1]?.url).toContain('scope=repository%3Ab%3Apull&scope=x%3Ay%3Az')
  tokens.forget(a, registry)
  expect(await tokens.get(a, registry)).toBe('t2')
  expect(await tokens.get(b, registry)).toBe('t1')
})

test.each([
  [401, {}, 'ORIGIN_UNAUTHORIZED'],
  [403, {}, 'ORIGIN_FORBIDDEN'],
  [429, {}, 'ORIGIN_RATE_LIMITED'],
  [500, {}, 'ORIGIN_FAILED'],
  [302, { token: 'of a redirect' }, 'ORIGIN_FAILED'],
  [200, {}, 'ORIGIN_FAILED'],
  [200, null, 'ORIGIN_FAILED'],
  [200, { token: 'a\r\nb' }, 'ORIGIN_FAILED'],
  [200, { token: 'a'.repeat(300_000) }, 'ORIGIN_FAILED'],
])('an answer %d %j gives %s and is not kept', async (status, body, code) => {
  const base = await start()
  const tokens = new AnonymousTokens({ dispatcher })
  gives(body, status)
  await expect(tokens.get(bearer(base), registry)).rejects.toMatchObject({ code })
  gives({ token: 'good' })
  expect(await tokens.get(bearer(base), registry)).toBe('good')
})

test('a server that does not answer, or is not there, is an error in time', async () => {
  const base = await start()
  const tokens = new AnonymousTokens({ dispatcher, timeoutMs: 50 })
  answer = () => {}
  await expect(tokens.get(bearer(base), registry)).rejects.toMatchObject({ code: 'ORIGIN_STALLED' })
  await expect(tokens.get(bearer('http://127.0.0.1:1/'), registry)).rejects.toMatchObject({
    code: 'ORIGIN_UNREACHABLE',
  })
})

test('a caller that gives up leaves the request to the others', async () => {
  const base = await start()
  const tokens = new AnonymousTokens({ dispatcher })
  const held: ServerResponse[] = []
  answer = (_request, response) => held.push(response)
  const caller = new AbortController()
  const given = tokens.get(bearer(base), registry, caller.signal)
  const patient = tokens.get(bearer(base), registry)
  caller.abort(new Error('gone'))
  await expect(given).rejects.toThrow('gone')
  await expect.poll(() => held.length).toBe(1)
  held[0]?.end(JSON.stringify({ token: 'late' }))
  expect(await patient).toBe('late')
})

test('a realm without TLS is asked only for a registry without TLS or on this host', async () => {
  const base = await start()
  const tokens = new AnonymousTokens({ dispatcher })
  gives({ token: 't' })
  const get = (url: string) => tokens.get(bearer(base), new URL(url))
  await expect(get('https://registry.test/')).rejects.toMatchObject({ code: 'ORIGIN_UNAUTHORIZED' })
  await expect(get('https://127.evil.test/')).rejects.toMatchObject({ code: 'ORIGIN_UNAUTHORIZED' })
  expect(asked).toHaveLength(0)
  expect(await get('https://127.0.0.1:5000/')).toBe('t')
  expect(await get('https://[::1]/')).toBe('t')
})

test.each(['Basic realm="https://host/"', 'Bearer service=a', 'Bearer realm="file:///etc/x"'])(
  '%s cannot be met',
  async (field) => {
    const [challenge] = parseChallenges(field)
    const tokens = new AnonymousTokens({ dispatcher })
    expect(challenge).toBeDefined()
    if (challenge === undefined) return
    await expect(tokens.get(challenge, registry)).rejects.toMatchObject({
      code: 'ORIGIN_UNAUTHORIZED',
    })
  },
)

test('what the guard of the dispatcher refuses keeps its code', async () => {
  const guarded = new Agent({
    connect: (_options, callback) => callback(new AppError('ORIGIN_REFUSED', 'guarded'), null),
  })
  const tokens = new AnonymousTokens({ dispatcher: guarded })
  await expect(tokens.get(bearer('https://host/'), registry)).rejects.toMatchObject({
    code: 'ORIGIN_REFUSED',
  })
})
