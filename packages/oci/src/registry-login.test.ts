import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { AnonymousTokens } from './anonymous-token.ts'
import { type LoginCredentials, RegistryLogin } from './registry-login.ts'

const alice = { username: 'alice', password: 'pass:word' }
const basic = `Basic ${Buffer.from('alice:pass:word').toString('base64')}`
const dispatcher = new Agent()
let nowMs = 0

async function tokenServer(status = 200) {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization)
    response.writeHead(status).end(JSON.stringify({ token: `t${asked.length}`, expires_in: 300 }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { asked, field: `Bearer realm="${url}/token",service="x",scope="repository:a:pull"` }
}

function login(credentials?: LoginCredentials, registry = 'http://registry.test') {
  return new RegistryLogin({
    registry: new URL(registry),
    ...(credentials === undefined ? {} : { credentials }),
    dispatcher,
    anonymous: new AnonymousTokens({ dispatcher }),
    now: () => nowMs,
  })
}

test('a name and password buy a token, which is used until shortly before it expires', async () => {
  const { asked, field } = await tokenServer()
  const mine = login(alice)
  expect(await mine.answer(field)).toBe('Bearer t1')
  nowMs = 289_999
  expect(await mine.answer(field)).toBe('Bearer t1')
  nowMs = 290_000
  expect(await mine.answer(field)).toBe('Bearer t2')
  expect(asked).toEqual([basic, basic])
})

test('a name and password go to the registry itself when it asks so, and a token as it is', async () => {
  expect(await login(alice).answer('Basic realm="x"')).toBe(basic)
  expect(await login(alice).answer('Negotiate')).toBeUndefined()
  expect(await login({ token: 'mine' }).answer('Bearer realm="http://nowhere"')).toBe('Bearer mine')
})

test('without credentials the token that anybody may have is taken', async () => {
  const { asked, field } = await tokenServer()
  expect(await login().answer(field)).toBe('Bearer t1')
  expect(asked).toEqual([undefined])
  expect(await login().answer('Basic realm="x"')).toBeUndefined()
})

test('a password is not sent without TLS for a registry that has it, and its refusal is told without it', async () => {
  const { asked, field } = await tokenServer()
  await expect(login(alice, 'https://registry.test').answer(field)).rejects.toMatchObject({
    code: 'ORIGIN_UNAUTHORIZED',
  })
  expect(asked).toEqual([])
  const refusing = await tokenServer(401)
  const refused = login(alice).answer(refusing.field)
  await expect(refused).rejects.toMatchObject({ code: 'ORIGIN_UNAUTHORIZED' })
  await expect(refused).rejects.not.toThrow('pass')
})
