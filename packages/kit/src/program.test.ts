import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'

const here = import.meta.dirname

/** A daemon whose only route never ends its answer. `behaviour` is put into its composition. */
const daemon = (behaviour: string) => `
import { Type } from 'typebox'
import { createHttpServer, createMetrics, closeServer, defineCommand, defineConfig, listen, parseListen, runProgram } from ${JSON.stringify(join(here, 'index.ts'))}
const definition = defineConfig({
  program: 'testd',
  envPrefix: 'TESTD',
  schema: Type.Object({
    listen: Type.String({ description: 'address', unit: 'address', default: '127.0.0.1:0' }),
    rate: Type.Integer({ description: 'rate', unit: 'bps', default: 0, reloadable: true }),
    size: Type.Integer({ description: 'size', unit: 'bytes', default: 0 }),
  }),
})
process.exitCode = await runProgram({
  program: 'testd',
  version: '1.2.3',
  definition,
  commands: [
    defineCommand({
      name: 'wait',
      summary: 'Waits for a signal.',
      operands: { form: 'WORD' },
      async run({ operands, io }) {
        io.stdout.write('waiting ' + operands.join(' ') + String.fromCharCode(10))
        const alive = setInterval(() => {}, 1000)
        await new Promise((resolve) => io.signal.addEventListener('abort', resolve))
        clearInterval(alive)
        return 7
      },
    }),
  ],
  argv: process.argv.slice(1), // no script stands before them, with --eval
  env: process.env,
  async compose(config, { logger }) {
    const server = createHttpServer({ logger, metrics: createMetrics('dfget'), name: 'api', isReady: () => true, access: {} })
    server.get('/api/v1/hosts', (request, reply) => { reply.hijack(); reply.raw.write('endless') })
    let url = ''
    const http = {
      start: async () => { url = (await listen(server, parseListen(config.listen))).url },
      stop: () => closeServer(server),
    }
    return {
      parts: [http],
      ready: () => url,
      reload: (next) => logger.info({ rate: next.rate, size: next.size }, 'reloaded'),
      ${behaviour}
    }
  },
})
`

function run(
  argv: string[],
  { behaviour = '', env = {} }: { behaviour?: string; env?: object } = {},
) {
  const child = spawn(
    process.execPath,
    [
      '--conditions=df-source',
      '--input-type=module-typescript',
      '--eval',
      daemon(behaviour),
      '--',
      ...argv,
    ],
    // Bare names in the program are looked up from here.
    { cwd: here, env: { PATH: process.env['PATH'], HOME: tmpdir(), ...env } },
  )
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const stderr = text(child.stderr)
  const exit = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
  return { child, stderr, exit }
}

/** The first line of stdout. */
async function firstLine(child: ChildProcess): Promise<string> {
  let seen = ''
  for await (const chunk of child.stdout ?? []) {
    seen += String(chunk)
    if (seen.includes('\n')) break
  }
  return seen.slice(0, seen.indexOf('\n') + 1)
}

async function ready(child: ChildProcess): Promise<{ host: string; port: number; line: string }> {
  child.stdout?.on('error', () => undefined)
  const line = await firstLine(child)
  const url = new URL(line.replace(/^ready /, '').trim())
  return { host: url.hostname, port: Number(url.port), line }
}

test('it says ready with its address, and SIGTERM ends it with 0 within 5 s though an answer is open', async () => {
  const { child, stderr, exit } = run([])
  const { host, port, line } = await ready(child)
  expect(line).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+\n$/)
  const socket = connect(port, host)
  socket.on('error', () => undefined)
  socket.write('GET /api/v1/hosts HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(socket, 'data')
  const startedAt = performance.now()
  child.kill('SIGTERM')
  expect(await exit).toBe(0)
  expect(performance.now() - startedAt).toBeLessThan(4900)
  const messages = (await stderr)
    .trim()
    .split('\n')
    .map((log) => JSON.parse(log).msg)
  expect(messages).toEqual(['server listens', 'stopping', 'stopped'])
})

test('a second SIGTERM ends it at once, a stop without end is ended with 0 before 5 s are over', async () => {
  const hangs =
    'parts: [{ start: () => http.start(), stop: () => new Promise((r) => setTimeout(r, 60_000)) }],'
  const impatient = run([], { behaviour: hangs })
  const patient = run([], { behaviour: hangs })
  await Promise.all([ready(impatient.child), ready(patient.child)])
  const startedAt = performance.now()
  patient.child.kill('SIGINT')
  impatient.child.kill('SIGTERM')
  await new Promise((resolve) => setTimeout(resolve, 200))
  impatient.child.kill('SIGTERM')
  expect(await impatient.exit).toBe(1)
  expect(performance.now() - startedAt).toBeLessThan(2000)
  expect(await patient.exit).toBe(0)
  // 4.5 s, and room for a busy machine; left alone it would take a minute.
  expect(performance.now() - startedAt).toBeLessThan(7000)
})

test('SIGHUP takes over reloadable keys, refuses the rest with a warning, and survives a broken file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kit-program-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'c.yaml')
  writeFileSync(file, 'rate: 1MB/s\n')
  const { child, stderr, exit } = run(['--config', file])
  const { host, port } = await ready(child)
  const logged = (message: string) =>
    new Promise<Record<string, unknown>>((resolve) => {
      child.stderr?.on('data', (chunk) => {
        for (const log of String(chunk).split('\n').filter(Boolean)) {
          if (log.includes(message)) resolve(JSON.parse(log))
        }
      })
    })
  writeFileSync(file, 'rate: 2MB/s\nsize: 5MiB\nlogLevel: debug\n')
  const [warned, reloaded, applied] = [
    logged('need a restart'),
    logged('"reloaded"'),
    logged('read again'),
  ]
  child.kill('SIGHUP')
  expect(await warned).toMatchObject({
    level: 'warn',
    changes: [{ key: 'size', from: '0', to: '5MiB' }],
  })
  expect(await reloaded).toMatchObject({ rate: 2_000_000, size: 0 })
  expect(await applied).toMatchObject({
    changes: [
      { key: 'rate', from: '1MB/s', to: '2MB/s' },
      { key: 'logLevel', from: 'info', to: 'debug' },
    ],
  })
  const debug = logged('request answered')
  await fetch(`http://${host}:${port}/healthz`)
  expect(await debug).toMatchObject({ level: 'debug' })
  writeFileSync(file, 'rate: fast\n')
  const kept = logged('was not taken over')
  child.kill('SIGHUP')
  expect(await kept).toMatchObject({ level: 'error', err: { code: 'CONFIG_INVALID' } })
  child.kill('SIGTERM')
  expect(await exit).toBe(0)
  await stderr
})

test('a reader of stdout that went away does not end it', async () => {
  const { child, exit } = run([], {
    behaviour: `ready: () => { setInterval(() => process.stdout.write('more\\n'), 10); return url },`,
  })
  const { host, port } = await ready(child)
  child.stdout?.destroy()
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect((await fetch(`http://${host}:${port}/healthz`)).status).toBe(200)
  child.kill('SIGTERM')
  expect(await exit).toBe(0)
})

test.each([
  ['an exception', `setTimeout(() => { throw new Error('surprise') }, 50)`],
  ['a rejection', `void Promise.reject(new Error('surprise'))`],
])('%s nobody caught is one line and exit code 1', async (_, action) => {
  const { child, stderr, exit } = run([], { behaviour: `ready: () => { ${action}; return url },` })
  await ready(child)
  expect(await exit).toBe(1)
  const lines = (await stderr).trim().split('\n')
  expect(lines).toHaveLength(2)
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({
    level: 'fatal',
    msg: 'uncaught error',
    err: { message: 'surprise' },
  })
})

test('what cannot start is one clear line and the exit code of its error', async () => {
  const { child } = run([])
  const { port } = await ready(child)
  const second = run(['--listen', `127.0.0.1:${port}`])
  expect(await second.exit).toBe(2)
  expect(await second.stderr).toBe(
    `testd: cannot listen on 127.0.0.1:${port} (EADDRINUSE); another program listens there: stop it, or choose another port (0 takes a free one)\n`,
  )
})

test.each([
  [['--version'], 0, 'testd 1.2.3\n', ''],
  [['--help', '--nonsense'], 0, expect.stringContaining('--listen HOST:PORT'), ''],
  [['config', 'print', '--rate', '1MiB'], 0, expect.stringContaining('rate: 1MiB/s\n'), ''],
  [['config', 'check'], 0, 'the configuration is right\n', ''],
  [['config', 'reference'], 0, expect.stringContaining('| `listen` |'), ''],
  [
    ['config', 'check', '--rat', '1'],
    2,
    '',
    'testd: --rat: there is no such flag; did you mean --rate?\n',
  ],
  [
    ['config', 'chek'],
    2,
    '',
    'testd: there is no command config chek; did you mean testd config check?\n',
  ],
  [['--rate', '1MiB', 'config', 'print'], 0, expect.stringContaining('rate: 1MiB/s\n'), ''],
  [['config', '--rate=1MiB', 'print'], 0, expect.stringContaining('rate: 1MiB/s\n'), ''],
  [['--rate', '1', 'wait', '--help'], 0, expect.stringMatching(/^Waits for a signal\.\n/), ''],
  [
    ['--rate', 'wait'],
    2,
    '',
    "testd: --rate: 'wait' is not a rate; write a rate such as 10MB/s, 512KiB/s, 100Mbit/s, or 0 for no limit\n",
  ],
  [['--rate', '1', 'serve'], 2, '', 'testd: serve: is neither a flag nor its value\n'],
  [['serve'], 2, '', 'testd: there is no command serve; testd --help tells what there is\n'],
])('%j is answered without starting', async (argv, code, stdout, stderr) => {
  const ran = run(argv)
  expect(await text(ran.child.stdout)).toEqual(stdout)
  expect(await ran.stderr).toBe(stderr)
  expect(await ran.exit).toBe(code)
})

test('a command runs instead of the daemon, hears of signals, and its exit code is the program’s', async () => {
  const { child, exit } = run(['wait', 'here'])
  expect(await firstLine(child)).toBe('waiting here\n')
  child.kill('SIGTERM')
  expect(await exit).toBe(7)
})

test('an unknown command is named with the one that was meant, and help lists the commands', async () => {
  const wrong = run(['wiat'])
  expect(await wrong.exit).toBe(2)
  expect(await wrong.stderr).toBe('testd: there is no command wiat; did you mean testd wait?\n')
  const help = run(['--help'])
  expect(await text(help.child.stdout)).toContain('testd wait WORD [FLAG]…')
  const commandHelp = run(['wait', '--help'])
  expect(await text(commandHelp.child.stdout)).toMatch(/^Waits for a signal\.\n/)
})
