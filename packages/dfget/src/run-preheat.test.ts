import { once } from 'node:events'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { type ErrorCode, errorInfo, type PreheatJob } from '@df/proto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Interruption } from './interruption.ts'
import { itemOf, jobOf } from './preheat/test-support.ts'
import { CommandBench } from './test-support.ts'

const id = '0123456789abcdef'
let bench: CommandBench
let supernode: FakeSupernode

beforeEach(async () => {
  bench = await CommandBench.create()
  supernode = await FakeSupernode.start()
})

afterEach(async () => {
  await supernode.stop()
  await bench.remove()
})

/** A SuperNode that says of its only job what the test wants. */
class FakeSupernode {
  readonly requests: { route: string; headers: IncomingMessage['headers']; body: unknown }[] = []
  /** What it answers, one after the other; the last one again and again. */
  answers: (PreheatJob | ErrorCode)[] = [jobOf({ state: 'complete' })]
  readonly #server = createServer((request, response) => void this.#take(request, response))
  #asked = 0

  static async start(): Promise<FakeSupernode> {
    const fake = new FakeSupernode()
    fake.#server.listen(0, '127.0.0.1')
    await once(fake.#server, 'listening')
    return fake
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url, headers } = request
    const body = method === 'POST' ? await json(request) : undefined
    this.requests.push({ route: `${method} ${url}`, headers, body })
    const answer = this.answers[Math.min(this.#asked++, this.answers.length - 1)]
    if (typeof answer === 'string') {
      const { status, summary: title } = errorInfo(answer)
      response.writeHead(status)
      response.end(JSON.stringify({ type: 'x', title, status, code: answer, detail: 'as it is' }))
    } else if (method === 'DELETE') response.writeHead(204).end()
    else if (url === '/api/v1/preheats' && method === 'GET') {
      const { items: _, ...summary } = answer ?? jobOf()
      response.end(JSON.stringify({ preheats: [summary] }))
    } else response.writeHead(method === 'POST' ? 202 : 200).end(JSON.stringify(answer))
  }
}

const preheat = (args: string[], options?: Parameters<CommandBench['dfget']>[2]) =>
  bench.dfget(['preheat', ...args, '--supernode', supernode.url], undefined, options)
const orders = () => supernode.requests.filter(({ route }) => route.startsWith('POST'))

test('an image is ordered and followed to its end', async () => {
  const running = jobOf({ items: [itemOf('a', { seed: 50, hosts: [0] })] })
  const complete = jobOf({
    state: 'complete',
    finishedAt: '2026-01-01T00:00:12.300Z',
    items: [itemOf('a', { seed: 100, hosts: [100] })],
  })
  supernode.answers = [running, running, complete]
  const result = await preheat(['r.lan/app:1', '--share', '50%', '--platform', 'linux/amd64'])
  expect(result).toEqual({
    code: 0,
    out: '',
    err: [
      `preheat ${id}`,
      '0 of 1 contents, 25%, 50 B of 200 B, 0 B/s',
      `preheat ${id}: 1 content, 100 B, at the SuperNode and 1 host, in 12.3s`,
      '',
    ].join('\n'),
  })
  expect(orders()).toMatchObject([
    {
      body: { images: ['r.lan/app:1'], platforms: ['linux/amd64'], hosts: { share: 0.5 } },
    },
  ])
  expect(supernode.requests.at(-1)?.route).toBe(`GET /api/v1/preheats/${id}`)
})

test('programs get events, and the job’s id alone when they do not wait', async () => {
  const done = itemOf('a', { seed: 100 })
  supernode.answers = [jobOf({ items: [itemOf('a')] }), jobOf({ state: 'complete', items: [done] })]
  const { out, err, code } = await preheat(['r.lan/app:1', '--json'])
  expect([code, err]).toEqual([0, ''])
  const events = out.trimEnd().split('\n')
  expect(events.map((line) => JSON.parse(line) as object)).toMatchObject([
    { event: 'start', preheat: id },
    { event: 'progress', bytes: 0, totalBytes: 100, items: 1, complete: 0, failed: 0 },
    { event: 'item', of: 'r.lan/app:1', state: 'complete' },
    { event: 'done', preheat: id, totals: { items: 1 } },
  ])
  expect(await preheat(['r.lan/app:1', '--no-wait'])).toEqual({ code: 0, out: `${id}\n`, err: '' })
})

test('each thing that failed gets a line, the first the exit code', async () => {
  const error = { code: 'ORIGIN_NOT_FOUND', message: 'r.lan answered 404', hint: 'check the tag' }
  const other = { code: 'DISK_FULL', message: 'no space' }
  supernode.answers = [
    jobOf({
      state: 'failed',
      errors: [{ of: 'r.lan/gone:1', error }],
      items: [itemOf('a', { state: 'failed', error: other })],
    }),
  ]
  const result = await preheat(['r.lan/gone:1', '--no-progress'])
  expect(result).toMatchObject({ code: 3, out: '' })
  expect(result.err).toBe(
    [
      `preheat ${id}`,
      'dfget: r.lan/gone:1: r.lan answered 404; check the tag',
      'dfget: r.lan/app:1: no space',
      '',
    ].join('\n'),
  )
  const { out, err } = await preheat(['r.lan/gone:1', '--json'])
  expect(JSON.parse(out.trimEnd().split('\n').at(-1) ?? '')).toEqual({
    event: 'failed',
    code: 'ORIGIN_NOT_FOUND',
    message: 'r.lan/gone:1: r.lan answered 404',
    hint: 'check the tag',
    exitCode: 3,
    more: [{ code: 'DISK_FULL', message: 'r.lan/app:1: no space', hint: null, exitCode: 7 }],
  })
  expect(err).toBe('dfget: r.lan/gone:1: r.lan answered 404; check the tag\n')
})

describe('the job goes on without the command', () => {
  test('when the user ends it', async () => {
    supernode.answers = [jobOf({ items: [itemOf('a')] })]
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Interruption('SIGINT')), 300)
    const args = ['preheat', 'r.lan/app:1', '--supernode', supernode.url, '--no-progress']
    expect(await bench.dfget(args, stop.signal)).toEqual({
      code: 130,
      out: '',
      err: `preheat ${id}\ndfget: ended by SIGINT; the preheat goes on; dfget preheat show ${id} tells how, dfget preheat cancel ${id} ends it\n`,
    })
    expect(supernode.requests.filter(({ route }) => route.startsWith('DELETE'))).toEqual([])
  })

  test('when the time is over', async () => {
    supernode.answers = [jobOf({ items: [itemOf('a')] })]
    const result = await preheat(['r.lan/app:1', '--timeout', '300ms', '--no-progress'])
    expect(result.code).toBe(10)
    expect(result.err).toContain(`not done within 300ms; the preheat goes on; dfget preheat show`)
  })
})

test('a job that somebody cancels ends the command that follows it', async () => {
  supernode.answers = [jobOf({ items: [itemOf('a')] }), 'TASK_NOT_FOUND']
  const result = await preheat(['r.lan/app:1', '--no-progress'])
  expect(result.code).toBe(5)
  expect(result.err).toBe(`preheat ${id}\ndfget: preheat ${id} was cancelled\n`)
})

describe('what is refused at once, with one line', () => {
  test('a SuperNode that does not run', async () => {
    const { url } = supernode
    await supernode.stop()
    const result = await bench.dfget(['preheat', 'r.lan/app:1', '--supernode', url])
    expect(result.code).toBe(5)
    expect(result.err).toMatch(
      /^dfget: the SuperNode http:\S+ does not answer: [^\n]+; check --supernode and that it runs\n$/,
    )
    supernode = await FakeSupernode.start()
  })

  test('a caller who is no operator', async () => {
    supernode.answers = ['FORBIDDEN']
    const result = await preheat(['r.lan/app:1'])
    expect(result.code).toBe(4)
    expect(result.err).toMatch(/^dfget: [^\n]+as it is; [^\n]+--operator-token-file\n$/)
  })

  test('something else that answers', async () => {
    supernode.answers = [{ hello: 'world' } as unknown as PreheatJob]
    const result = await preheat(['r.lan/app:1'])
    expect(result.code).toBe(2)
    expect(result.err).toContain('does not answer as a SuperNode of this version')
  })
})

describe('the operator’s token', () => {
  test('comes from a file, or from the environment', async () => {
    const path = join(bench.dir, 'token')
    await writeFile(path, 'from-the-file\n')
    await preheat(['r.lan/app:1', '--operator-token-file', path])
    await preheat(['r.lan/app:1'], { env: { DFGET_OPERATOR_TOKEN: 'from-the-environment' } })
    await preheat(['r.lan/app:1'])
    expect(orders().map(({ headers }) => headers.authorization)).toEqual([
      'Bearer from-the-file',
      'Bearer from-the-environment',
      undefined,
    ])
  })

  test('is one word', async () => {
    const path = join(bench.dir, 'token')
    await writeFile(path, 'two words\n')
    expect(await preheat(['r.lan/app:1', '--operator-token-file', path])).toMatchObject({ code: 2 })
    expect(await preheat(['ls', '--operator-token-file', '/nowhere'])).toMatchObject({ code: 2 })
    expect(supernode.requests).toEqual([])
  })
})

describe('credentials', () => {
  const auth = Buffer.from('me:the-password').toString('base64')

  async function logIn(config: object): Promise<void> {
    await mkdir(join(bench.dir, '.docker'), { recursive: true })
    await writeFile(join(bench.dir, '.docker/config.json'), JSON.stringify(config))
  }

  test('are the logins of docker, with its helpers, for the registries asked for', async () => {
    const bin = join(bench.dir, 'bin')
    await mkdir(bin)
    const helper = join(bin, 'docker-credential-test')
    await writeFile(helper, `#!/bin/sh\necho '{"Username":"robot","Secret":"'$(cat)'"}'\n`)
    await chmod(helper, 0o755)
    await logIn({
      auths: { 'r.lan': { auth }, 'other.lan': { auth } },
      credHelpers: { 'helped.lan': 'test' },
    })
    const env = { PATH: `${bin}:/usr/bin:/bin` }
    const result = await preheat(['r.lan/app:1', 'helped.lan/b', 'open.lan/c'], { env })
    expect(result).toMatchObject({ code: 0 })
    expect(orders()).toMatchObject([
      {
        body: {
          credentials: {
            'r.lan': { username: 'me', password: 'the-password' },
            'helped.lan': { username: 'robot', password: 'helped.lan' },
          },
        },
      },
    ])
    expect(JSON.stringify(orders()[0]?.body)).not.toContain('other.lan')
  })

  test('can be given, the password on standard input', async () => {
    const login = ['--username', 'you', '--password-stdin']
    await preheat(['r.lan/app:1', ...login], { stdin: 'pass word\n' })
    expect(orders()).toMatchObject([
      { body: { credentials: { 'r.lan': { username: 'you', password: 'pass word' } } } },
    ])
    expect(await preheat(['r.lan/app:1', ...login])).toMatchObject({ code: 2 })
  })

  test('that cannot be used are left out, and told of', async () => {
    await logIn({
      auths: { 'id.lan': { identitytoken: 'the-secret' } },
      credHelpers: { 'gone.lan': 'gone' },
    })
    const { code, err } = await preheat(['id.lan/a', 'gone.lan/b', '--no-progress'])
    expect(code).toBe(0)
    expect(err).toContain('dfget: the login for id.lan is an identity token, which a SuperNode')
    expect(err).toMatch(
      /dfget: the credential helper docker-credential-gone cannot be run; [^\n]+\n/,
    )
    expect(err).not.toContain('the-secret')
    expect(JSON.stringify(supernode.requests)).not.toContain('the-secret')
  })

  describe('over a plain link to another host', () => {
    // Nobody is there: what goes out would be an error of another kind.
    const far = ['--supernode', 'http://192.0.2.1:8002']

    test.each([
      [['r.lan/a', '--username', 'me', '--password-stdin'], 'the-password'],
      [['http://o/f', '--header', 'Authorization: Bearer the-password'], ''],
      [
        [
          'https://o/f?X-Amz-Signature=the-password&X-Amz-Date=d&X-Amz-Expires=1&X-Amz-Credential=c',
        ],
        '',
      ],
    ])('are refused: %j', async (args, stdin) => {
      const result = await bench.dfget(['preheat', ...args, ...far], undefined, { stdin })
      expect(result).toMatchObject({ code: 2, out: '' })
      expect(result.err).toMatch(
        /^dfget: \S+ .*would go to http:\/\/192\.0\.2\.1:8002 over a plain link; use the https:\/\/ [^\n]+\n$/,
      )
      expect(result.err).not.toContain('the-password')
    })

    test('are left at home when they were only found', async () => {
      await logIn({ auths: { 'r.lan': { auth } } })
      const result = await bench.dfget(['preheat', 'r.lan/a', ...far, '--timeout', '300ms'])
      expect(result.err).toContain('the login for r.lan is not sent to http://192.0.2.1:8002')
    })
  })

  test('of one registry that differ by repository are too many for one preheat', async () => {
    await logIn({ auths: { 'r.lan/a': { auth } } })
    const result = await preheat(['r.lan/a', 'r.lan/b'])
    expect(result).toMatchObject({ code: 2 })
    expect(result.err).toBe(
      'dfget: the images of r.lan have different logins; order those of one login at a time\n',
    )
  })
})

test('preheats are listed, shown and cancelled', async () => {
  supernode.answers = [
    jobOf({
      state: 'failed',
      items: [itemOf('a', { seed: 100, hosts: [100, 40] })],
      errors: [{ of: 'r.lan/gone:1', error: { code: 'ORIGIN_NOT_FOUND', message: 'no tag' } }],
    }),
  ]
  expect((await preheat(['ls'])).out).toMatchInlineSnapshot(`
    "0123456789abcdef  failed     2026-01-01 00:00:00        0/1      100 B    2 hosts  r.lan/app:1
    "
  `)
  expect((await preheat(['show', id])).out).toMatchInlineSnapshot(`
    "0123456789abcdef  failed     2026-01-01 00:00:00        0/1      100 B    2 hosts  r.lan/app:1
      r.lan/gone:1: ORIGIN_NOT_FOUND: no tag
      running  100%     100 B r.lan/app:1
        running   40% host 00000000000000000000000000000001
    "
  `)
  expect(JSON.parse((await preheat(['show', id, '--json'])).out)).toMatchObject({ id })
  expect((await preheat(['cancel', id])).out).toMatchInlineSnapshot(`
    "0123456789abcdef  cancelled
    "
  `)
  expect(supernode.requests.at(-1)?.route).toBe(`DELETE /api/v1/preheats/${id}`)
  supernode.answers = ['TASK_NOT_FOUND']
  expect(await preheat(['show', id])).toEqual({ code: 3, out: '', err: 'dfget: as it is\n' })
})
