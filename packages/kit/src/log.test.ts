import { AppError } from '@df/proto'
import { expect, test } from 'vitest'
import { createLogger, silentLogger } from './log.ts'

const SECRET = 'hunter2-hunter2'

function capture(level = 'debug') {
  const lines: string[] = []
  const logger = createLogger({
    program: 'dfdaemon',
    level,
    stream: { write: (line) => lines.push(line) },
  })
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') }
}

test('a line is JSON with time, level, program, message and fields', () => {
  const { logger, last } = capture()
  logger.info({ taskId: 'abc', durationMs: 12, ok: true, nothing: null }, 'task done')
  expect(last()).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    program: 'dfdaemon',
    taskId: 'abc',
    durationMs: 12,
    ok: true,
    nothing: null,
    msg: 'task done',
  })
})

test.each([
  ['a field', { authorization: `Bearer ${SECRET}` }],
  ['a nested field', { a: { b: { c: { password: SECRET } } } }],
  ['a field in a list', { users: [{ name: 'u', token: SECRET }] }],
  ['a derived name', { operatorToken: SECRET, REGISTRY_PASSWORD: SECRET, 'df-ticket': SECRET }],
  ['a secret that is an object', { credentials: { user: SECRET } }],
  ['a header object', { headers: { 'x-unheard-of': SECRET, Cookie: [SECRET] } }],
  ['a header object under another name', { requestHeaders: { authorization: SECRET } }],
  ['a flat header list', { headers: ['Accept', '*/*', 'X-Own', SECRET] }],
  ['a flat header list under another name', { raw: ['Set-Cookie', SECRET] }],
  ['a list of header pairs', { headers: [['authorization', SECRET]] }],
  ['an odd header list', { headers: [{ key: 'authorization', value: SECRET }] }],
  ['user info of a URL', { url: `https://user:${SECRET}@registry.example/v2/` }],
  ['query of a URL', { url: `https://s3.example/blob?X-Amz-Signature=${SECRET}` }],
  [
    'text with a challenge answer',
    { note: `sent Authorization: Bearer ${SECRET}, then Basic ${SECRET}` },
  ],
])('no secret gets out by %s', (_, fields) => {
  const { logger, lines } = capture()
  logger.info(fields, 'request sent')
  expect(lines.join()).not.toContain(SECRET)
})

test('no secret gets out by a message, a child logger, or an error with causes', () => {
  const { logger, lines } = capture()
  logger.info(`asked https://u:${SECRET}@host/x?token=${SECRET}`)
  logger.child({ token: SECRET, headers: { cookie: SECRET } }).info('child speaks')
  const cause = Object.assign(new Error(`GET https://h/?sig=${SECRET}`), { headers: ['X', SECRET] })
  logger.error({ err: new AppError('ORIGIN_FAILED', 'it failed', { cause }) }, 'request failed')
  expect(lines).toHaveLength(3)
  expect(lines.join()).not.toContain(SECRET)
})

test('what is needed to find a fault stays readable', () => {
  const { logger, last } = capture()
  logger.warn(
    {
      err: new AppError('ORIGIN_FAILED', 'status 500', { hint: 'wait' }),
      url: 'https://registry.example/v2/a/blobs/sha256:00?ns=x',
      headers: { range: 'bytes=0-1', 'Content-Length': 2, authorization: 'x' },
      ticketValid: true,
      tokens: 3,
    },
    'request failed',
  )
  expect(last()).toMatchObject({
    err: { type: 'AppError', message: 'status 500', code: 'ORIGIN_FAILED', hint: 'wait' },
    url: 'https://registry.example/v2/a/blobs/sha256:00?[redacted]',
    headers: { range: 'bytes=0-1', 'Content-Length': 2, authorization: '[redacted]' },
    ticketValid: true,
    tokens: 3,
  })
})

test('a cycle or a deep object does not break a line', () => {
  const { logger, last } = capture()
  const loop: Record<string, unknown> = { name: 'loop' }
  loop['self'] = loop
  logger.info({ loop }, 'looped')
  expect(last()).toMatchObject({ loop: { name: 'loop' }, msg: 'looped' })
})

test('levels below the set one are silent, and a child follows a later change', () => {
  const { logger, lines } = capture('warn')
  const child = logger.child({ part: 'x' })
  child.info('not said')
  logger.level = 'info'
  child.info('said')
  silentLogger().fatal('never')
  expect(lines).toHaveLength(1)
})
