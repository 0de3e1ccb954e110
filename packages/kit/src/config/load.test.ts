import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Type } from 'typebox'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defineConfig } from './define.ts'
import { loadConfig } from './load.ts'

const definition = defineConfig({
  program: 'testd',
  envPrefix: 'TESTD',
  schema: Type.Object({
    supernode: Type.Array(Type.String(), { description: 'URLs', unit: 'url', minItems: 1 }),
    listen: Type.String({ description: 'address', unit: 'address', default: '127.0.0.1:80' }),
    dataDir: Type.String({ description: 'files', unit: 'path' }),
    registry: Type.Record(Type.String(), Type.String({ unit: 'url' }), {
      description: 'registries',
      placeholder: 'HOST=URL',
    }),
    insecure: Type.Boolean({ description: 'any certificate' }),
    mode: Type.Union([Type.Literal('p2p'), Type.Literal('source')], {
      description: 'mode',
      default: 'p2p',
    }),
    token: Type.Optional(Type.String({ description: 'token', secret: true })),
    tag: Type.Optional(Type.String({ description: 'tag', pattern: '^[a-z]*$' })),
    tls: Type.Object({
      cert: Type.Optional(Type.String({ description: 'PEM', unit: 'path', flag: 'tls-cert' })),
    }),
    gc: Type.Object({
      diskHigh: Type.Integer({
        description: 'bytes',
        unit: 'bytes',
        default: '1GiB',
        minimum: 1024,
      }),
      high: Type.Number({ description: 'share', unit: 'percent', default: '80%', maximum: 100 }),
      everyMs: Type.Integer({ description: 'pause', unit: 'duration', default: '30s' }),
      workers: Type.Integer({ description: 'workers', default: 2 }),
    }),
  }),
  defaults: (env) => ({ dataDir: `${env['HOME']}/data` }),
  check: ({ gc }) =>
    gc.workers > 8 && gc.everyMs === 0
      ? [{ where: 'gc.workers', what: 'is too much for no pause' }]
      : [],
})

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kit-config-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const required = ['--supernode', 'http://s:1']

function load(argv: string[], env: Record<string, string> = {}) {
  return loadConfig(definition, { argv, env: { HOME: '/home/u', ...env }, cwd: folder })
}

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** The lines of the error that loading ends with. */
function faults(argv: string[], env: Record<string, string> = {}): string[] {
  try {
    load(argv, env)
  } catch (error) {
    const lines = (error as Error).message.split('\n').map((line) => line.trim())
    return lines.length === 1 ? lines : lines.slice(1)
  }
  return []
}

test('defaults fill what is not given, in numbers, and what is optional stays absent', () => {
  const { config, sources } = load(required)
  expect(config).toEqual({
    supernode: ['http://s:1'],
    listen: '127.0.0.1:80',
    dataDir: '/home/u/data',
    registry: {},
    insecure: false,
    mode: 'p2p',
    tls: {},
    gc: { diskHigh: 1024 ** 3, high: 80, everyMs: 30_000, workers: 2 },
    logLevel: 'info',
  })
  expect(sources['supernode']).toBe('--supernode')
  expect(sources['listen']).toBe('default')
})

test('flags: lists by repetition or commas, maps by repetition, switches, short names, both spellings', () => {
  const { config } = load([
    '--supernode=http://a:1,http://b:2',
    '--supernode',
    'http://c:3',
    '--registry',
    'docker.io=http://r:5000/x,y',
    '--registry=ghcr.io=https://g/?a=b',
    '--insecure',
    '--gc.disk-high',
    '64MiB',
    '--gc.high=75',
    '--tls-cert=cert.pem',
    '--data-dir=/abs',
  ])
  expect(config).toMatchObject({
    supernode: ['http://a:1', 'http://b:2', 'http://c:3'],
    registry: { 'docker.io': 'http://r:5000/x,y', 'ghcr.io': 'https://g/?a=b' },
    insecure: true,
    gc: { diskHigh: 64 * 1024 ** 2, high: 75 },
    tls: { cert: join(folder, 'cert.pem') },
    dataDir: '/abs',
  })
})

test('the environment: nested names, lists and maps with commas; empty variables count as absent', () => {
  const { config } = load([], {
    TESTD_SUPERNODE: 'http://a:1, http://b:2',
    TESTD_REGISTRY: 'a=http://a,b=http://b',
    TESTD_GC__EVERY_MS: '1m30s',
    TESTD_INSECURE: 'yes',
    TESTD_LISTEN: '',
  })
  expect(config).toMatchObject({
    supernode: ['http://a:1', 'http://b:2'],
    registry: { a: 'http://a', b: 'http://b' },
    gc: { everyMs: 90_000 },
    insecure: true,
    listen: '127.0.0.1:80',
  })
})

test.each([
  [
    'c.yaml',
    'supernode: http://s:1\ntls: {cert: c.pem}\ngc:\n  diskHigh: 2KiB\n  workers: 3\nregistry: {a: http://a}\n',
  ],
  [
    'c.json',
    '{"supernode":["http://s:1"],"tls":{"cert":"c.pem"},"gc":{"diskHigh":2048,"workers":3},"registry":{"a":"http://a"}}',
  ],
  [
    'c.toml',
    'supernode = ["http://s:1"]\ntls.cert = "c.pem"\n[gc]\ndiskHigh = "2KiB"\nworkers = 3\n[registry]\na = "http://a"\n',
  ],
])('the file %s is read, its paths relative to itself', (name, content) => {
  mkdirSync(join(folder, 'etc'), { recursive: true })
  const path = file(`etc/${name}`, content)
  const loaded = load(['--config', `etc/${name}`])
  expect(loaded.file).toBe(path)
  expect(loaded.config).toMatchObject({
    supernode: ['http://s:1'],
    tls: { cert: join(folder, 'etc/c.pem') },
    gc: { diskHigh: 2048, workers: 3, everyMs: 30_000 },
    registry: { a: 'http://a' },
  })
  expect(loaded.sources['gc.workers']).toBe(`${path}: gc.workers`)
})

test('the file can be named by the environment, a flag wins over it, an empty file is no fault', () => {
  const a = file('a.yaml', 'tag: a')
  const empty = file('empty.yaml', '# nothing\n')
  expect(load(required, { TESTD_CONFIG: a }).config.tag).toBe('a')
  expect(load([...required, '--config', empty], { TESTD_CONFIG: a }).config.tag).toBeUndefined()
})

test('a secret can come from a file that the environment names, without its last line end', () => {
  const path = file('token', 's3cret\n')
  const { config, sources } = load(required, { TESTD_TOKEN_FILE: path })
  expect(config.token).toBe('s3cret')
  expect(sources['token']).toBe('TESTD_TOKEN_FILE')
  expect(faults(required, { TESTD_TOKEN_FILE: path, TESTD_TOKEN: 'x' })).toEqual([
    'TESTD_TOKEN_FILE: TESTD_TOKEN is set too; keep one of them',
  ])
  expect(faults(required, { TESTD_TOKEN_FILE: '/nowhere' })[0]).toContain('ENOENT')
})

test('a fault never repeats a secret', () => {
  const secretive = defineConfig({
    program: 'testd',
    envPrefix: 'TESTD',
    schema: Type.Object({
      url: Type.Optional(Type.String({ description: 'd', unit: 'url', secret: true })),
      word: Type.Optional(Type.String({ description: 'd', pattern: '^x', secret: true })),
      map: Type.Record(Type.String(), Type.String(), { description: 'd', secret: true }),
    }),
  })
  const argv = ['--url', 'hunter2', '--word', 'hunter2', '--map', 'hunter2']
  const yaml = file('secret.yaml', 'word: 22222222\n')
  const attempt = () =>
    loadConfig(secretive, { argv: [...argv, '--config', yaml], env: {}, cwd: folder })
  expect(attempt).toThrow('has 4 faults')
  expect(attempt).not.toThrow(/hunter2|22222222/)
})

test('what Kubernetes and docker put beside a service of the same name is no fault', () => {
  const env = {
    TESTD_SERVICE_HOST: '10.0.0.1',
    TESTD_SERVICE_PORT: '80',
    TESTD_SERVICE_PORT_HTTP: '80',
    TESTD_PORT: 'tcp://10.0.0.1:80',
    TESTD_PORT_80_TCP: 'tcp://10.0.0.1:80',
    TESTD_PORT_80_TCP_ADDR: '10.0.0.1',
  }
  expect(faults(required, env)).toEqual([])
})

test('unknown names are refused everywhere with the nearest known one, all at once', () => {
  const path = file('u.yaml', 'lisen: 1\ngc:\n  diskHihg: 1\nzzzzzzzzzzzz: 1\nGC: {}\n')
  const found = faults([...required, '--lisetn', 'x', '--config', path, '-q'], {
    TESTD_GC__WORKER: '1',
  })
  expect(found.slice(0, 1)).toEqual(['--lisetn: there is no such flag; did you mean --listen?'])
  expect(found).toContain(
    'TESTD_GC__WORKER: there is no such setting; did you mean TESTD_GC__WORKERS?',
  )
  expect(found).toContain(`${path}: lisen: there is no such key; did you mean listen?`)
  expect(found).toContain(`${path}: gc.diskHihg: there is no such key; did you mean gc.diskHigh?`)
  expect(
    found.some((line) => line.startsWith(`${path}: zzzzzzzzzzzz: there is no such key; known are`)),
  ).toBe(true)
  expect(found.some((line) => line.startsWith('-q: there is no such flag'))).toBe(true)
  expect(found).toHaveLength(7)
})

test.each([
  [['--listen', 'x'], "--listen: 'x' is not an address to listen on; write HOST:PORT"],
  [['--listen'], '--listen: needs a value: HOST:PORT'],
  [['--listen', 'a:1', '--listen', 'b:1'], '--listen: is given more than once'],
  [['--supernode', 'ftp://x'], "--supernode: 'ftp://x' is not a URL that begins with http"],
  [['--registry', 'x'], "--registry: 'x' is not of the form HOST=URL"],
  [['--registry', 'x=y'], "--registry: 'y' is not a URL"],
  [['--registry', 'x=http://a', '--registry', 'x=http://b'], '--registry: gives x more than once'],
  [['--insecure=maybe'], "--insecure: 'maybe' is neither true nor false"],
  [['--mode', 'p2'], "--mode: 'p2' is none of p2p, source; did you mean p2p?"],
  [['--gc.disk-high', '1'], '--gc.disk-high: must be at least 1KiB'],
  [['--gc.high', '120%'], '--gc.high: must be at most 100%'],
  [['--gc.every-ms', '30'], "--gc.every-ms: '30' is not a duration; write a duration such as"],
  [['--gc.workers', '1.5'], '--gc.workers: must be a whole number'],
  [['--gc.workers', 'two'], "--gc.workers: 'two' is not a number"],
  [['--tag', 'UPPER'], '--tag: is not of the form TEXT'],
  [['--config', 'a.ini'], 'a.ini: '],
  [['--config'], '--config: needs a value: FILE'],
  [['start'], 'start: is neither a flag nor its value'],
  [['--', 'x'], 'x: is neither a flag nor its value'],
  [
    ['--gc.workers', '9', '--gc.every-ms', '0'],
    'gc.workers from --gc.workers: is too much for no pause',
  ],
])('%j is refused with a clear line', (argv, line) => {
  const found = faults(argv.includes('--supernode') ? argv : [...required, ...argv])
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(line)
})

test.each([
  ['supernode: 3', 'supernode: must be a list'],
  ['supernode: [http://a, 3]', 'supernode: must be text, not 3; put it in quotes'],
  ['tag: 1.10', 'tag: must be text, not 1.1; put it in quotes'],
  ['tag:', 'tag: has no value'],
  ['gc: 3', 'gc: must be a table of settings'],
  ['gc: {everyMs: 30}', 'gc.everyMs: 30 has no unit; write 30ms or 30s'],
  ['gc: {workers: [1]}', 'gc.workers: must be a number'],
  ['registry: [a]', 'registry: must be a table of names and values'],
  ['insecure: {}', 'insecure: must be true or false'],
  ['listen: [a]', 'listen: must be text'],
  ['- a', 'must hold a table of settings'],
  ['a: [', 'at line 1'],
  ['tag: a\ntag: b', 'Map keys must be unique'],
])('the file content %j is refused with a clear line', (content, line) => {
  const path = file('bad.yaml', content)
  const found = faults(
    content.startsWith('supernode') ? ['--config', path] : [...required, '--config', path],
  )
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(`${path}: `)
  expect(found[0]).toContain(line)
})

test('what is required and missing is named with every way to give it', () => {
  expect(faults([])).toEqual([
    '--supernode: is required (URLs); give --supernode URL, TESTD_SUPERNODE, or supernode in the file of testd --config',
  ])
})

test('names of the prototype are names like others', () => {
  const path = file('proto.json', '{"__proto__": {"tag": "x"}, "constructor": 1}')
  expect(faults([...required, '--config', path])).toHaveLength(2)
  expect(load([...required, '--registry', '__proto__=http://x']).config.registry).toEqual(
    Object.fromEntries([['__proto__', 'http://x']]),
  )
})

test('a schema that is no configuration is a bug found at once', () => {
  const define = (schema: Parameters<typeof defineConfig>[0]['schema']) =>
    defineConfig({ program: 'x', envPrefix: 'X', schema })
  expect(() => define(Type.Object({ a: Type.String() }))).toThrow('no description')
  expect(() => define(Type.Object({ a: Type.Null({ description: 'x' }) }))).toThrow(
    'cannot be configured',
  )
  expect(() => define(Type.Object({ config: Type.String({ description: 'x' }) }))).toThrow(
    '--config',
  )
  expect(() =>
    define(Type.Object({ a: Type.Integer({ description: 'x', unit: 'bytes', default: 'many' }) })),
  ).toThrow("the default of a 'many' is not a size")
})
