import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCommandLine } from './command-line.ts'
import { getFlags } from './flags.ts'
import { type GetOptions, parseGetOptions } from './get-options.ts'

async function parse(...argv: string[]): Promise<GetOptions> {
  const line = await parseCommandLine(argv)
  if (line.command !== 'get') throw new Error(`this is ${line.command}`)
  return parseGetOptions(line.operands, line.values)
}

const HEX = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'

test('a URL alone is fetched to the file it names, over the daemon of the host', async () => {
  expect(await parse('http://o/a/b%20c.bin?x=1#top')).toEqual({
    url: 'http://o/a/b%20c.bin?x=1',
    headers: {},
    output: 'b c.bin',
    overwrite: false,
    labels: {},
    filterQuery: [],
    daemonUrl: 'http://127.0.0.1:65001',
    supernodes: [],
    supernodeCaFile: undefined,
    pattern: 'p2p',
    allowOrigin: [],
    caFile: undefined,
    insecure: false,
    dataDir: undefined,
    timeoutMs: undefined,
    rateLimitBps: 0,
    totalLimitBps: 0,
    progress: true,
    json: false,
  })
})

test('every flag has its effect', async () => {
  const flags = [
    `-O - --overwrite --digest sha256:${HEX.toUpperCase()} --filter-query x,y --filter-query z`,
    '--tag t --application a --supernode http://s:8002/,https://t --no-progress --json',
    '--supernode-ca s.pem --pattern p2p --allow-origin 10.0.0.0/8 --cacert o.pem --insecure',
    '--data-dir d --timeout 1m30s --rate-limit 10MB/s --total-limit 1MiB',
  ].flatMap((line) => line.split(' '))
  const options = await parse('http://o/f', ...flags, '--header', 'A: b: c', '--header=B:d')
  expect(options).toEqual({
    url: 'http://o/f',
    headers: { a: 'b: c', b: 'd' },
    output: '-',
    overwrite: true,
    labels: { digest: `sha256:${HEX}`, tag: 't', application: 'a' },
    filterQuery: ['x', 'y', 'z'],
    daemonUrl: undefined,
    supernodes: ['http://s:8002', 'https://t'],
    supernodeCaFile: 's.pem',
    pattern: 'p2p',
    allowOrigin: ['10.0.0.0/8'],
    caFile: 'o.pem',
    insecure: true,
    dataDir: 'd',
    timeoutMs: 90_000,
    rateLimitBps: 10_000_000,
    totalLimitBps: 1_048_576,
    progress: false,
    json: true,
  })
})

test('the last of several values counts', async () => {
  expect((await parse('http://o/f', '-O', 'a', '-O', 'b')).output).toBe('b')
})

describe('the daemon', () => {
  const cases: [string, string[], string | undefined][] = [
    ['is not asked when told so', ['--daemon', 'none'], undefined],
    ['is not asked when told so with nothing', ['--daemon', ''], undefined],
    ['is not asked for the origin alone', ['--pattern', 'source'], undefined],
    ['is not asked when it could not trust the origin', ['--cacert', 'f'], undefined],
    ['is not asked when anything is to be trusted', ['--insecure'], undefined],
    ['is not asked when a folder is named for the pieces', ['--data-dir', 'd'], undefined],
    ['is not asked when SuperNodes are named', ['--supernode', 'http://s'], undefined],
    [
      'is asked when it is named too',
      ['--supernode', 'http://s', '--data-dir', 'd', '--daemon', 'http://[::1]:1/'],
      'http://[::1]:1',
    ],
    ['may be at another port', ['--daemon', 'http://localhost:7'], 'http://localhost:7'],
  ]
  test.each(cases)('%s', async (_, args, url) => {
    expect((await parse('http://o/f', ...args)).daemonUrl).toBe(url)
  })
})

describe('the URL', () => {
  test('gives its user info as Basic credentials, unless a header has others', async () => {
    const basic = `Basic ${Buffer.from('me@x:p%w').toString('base64')}`
    const options = await parse('http://me%40x:p%w@o/f')
    expect(options).toMatchObject({ url: 'http://o/f', headers: { authorization: basic } })
    const other = await parse('http://me:pw@o/f', '--header', 'authorization: Bearer x')
    expect(other.headers).toEqual({ authorization: 'Bearer x' })
  })

  test.each(['http://o', 'http://o/a/', 'http://o/..%2f', 'http://o/%2e%2e%00', 'http://o/-'])(
    'that suggests no file name is told: %s',
    async (url) => {
      await expect(parse(url)).rejects.toMatchObject({
        code: 'USAGE',
        hint: expect.stringContaining('-O'),
      })
      expect((await parse(url, '-O', 'x')).output).toBe('x')
    },
  )

  test('never suggests a name outside the folder', async () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1 })
    await fc.assert(
      fc.asyncProperty(part, async (text) => {
        const options = await parse(`http://o/a/${encodeURIComponent(text)}`).catch(() => undefined)
        expect(options?.output ?? 'x').not.toMatch(/^(\.{0,2}|-)$|[/\0]/)
      }),
    )
  })
})

describe('headers', () => {
  test('of one name are joined, cookies in their own way', async () => {
    const args = ['A: 1', 'a: 2', 'Cookie: x=1', 'cookie: y=2'].flatMap((text) => [
      '--header',
      text,
    ])
    const { headers } = await parse('http://o/f', ...args)
    expect(headers).toEqual({ a: '1, 2', cookie: 'x=1; y=2' })
  })

  test.each([
    'no colon',
    ': no name',
    'a b: secret1',
    'A: secret2\r\nB: y',
    'A: secret4\0',
    'Range: bytes=0-1',
    'host: secret3',
  ])('that cannot be sent are told, without their value: %j', async (text) => {
    const refused = parse('http://o/f', '--header', text)
    await expect(refused).rejects.toMatchObject({ code: 'USAGE' })
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('secret') })
  })
})

describe('what is wrong is told with the name of its flag', () => {
  const cases: [string[], string, string][] = [
    [[], 'which URL?', '-O FILE'],
    [['http://o/f', 'http://o/g'], "not also 'http://o/g'", '--help'],
    [['o/f'], "'o/f' is not an http or https URL", 'https://host/path'],
    [['http://o/f', '--timeout', 'soon'], "--timeout: 'soon' is not a duration", '30s'],
    [['http://o/f', '--timeout', '-1s'], '--timeout', '30s'],
    [['http://o/f', '--rate-limit', 'fast'], "--rate-limit: 'fast' is not a rate", '10MB/s'],
    [['http://o/f', '--total-limit', '1 parsec'], '--total-limit', '10MB/s'],
    [['http://o/f', '--digest', 'md5:00'], "--digest: 'md5:00' is not a digest", 'sha256:'],
    [['http://o/f', '--supernode', 's:8002'], '--supernode', 'https://host/path'],
    [['http://o/f', '--supernode', ','], '--supernode has an empty part', '--help'],
    [['http://o/f', '--daemon', 'http://10.0.0.1:1'], 'is not on this host', '65001'],
    [['http://o/f', '--pattern', 'cdn'], "'cdn' is neither p2p nor source", '--help'],
    [['http://o/f', '--tag', 'x'.repeat(257)], '--tag is longer than 256', '--help'],
    [['http://o/f', '-O', ''], '-O needs a file name', '--help'],
    [['http://o/f', '--data-dir='], '--data-dir needs a folder', '--help'],
    [['http://o/f', '-O'], '-O needs a value', '--help'],
    [['http://o/f', '--header'], '--header needs a value', '--help'],
    [['http://o/f', '--superNode', 'http://s'], 'unknown flag --superNode', '--supernode?'],
    [['http://o/f', '-o', 'x'], 'unknown flag -o', '-O'],
    [['http://o/f', '--no-json'], 'unknown flag --no-json', ''],
  ]
  test.each(cases)('%j', async (argv, message, hint) => {
    await expect(parse(...argv)).rejects.toMatchObject({
      code: expect.stringMatching(/^(USAGE|REQUEST_INVALID)$/),
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    })
  })
})

test('the help has one line for each flag, and examples at its end', async () => {
  const get = await parseCommandLine(['http://o/f', '--help'])
  const text = get.command === 'help' ? get.text : ''
  for (const { name, help } of getFlags) {
    const lines = text.split('\n').filter((line) => line.includes(` --${name} `))
    expect(lines.filter((line) => line.endsWith(help))).toHaveLength(1)
  }
  expect(text).toMatch(/Examples:\n( {2}# .+\n {2}dfget .+\n)+$/)
  expect(await parseCommandLine(['cache', '-h'])).toMatchInlineSnapshot(`
    {
      "command": "help",
      "text": "Usage: dfget cache ls
           dfget cache rm TASK… | --all
           dfget cache verify [TASK…]

    Lists, removes or checks what downloads have stored on this host.

    Options:
          --data-dir DIR  the one to look at (default: those of all unfinished downloads)
          --all           rm: every content
          --json          one JSON object per content and line
      -h, --help          print this
          --version       print the version

    Exit codes: 0 done, 1 unforeseen, 2 wrong usage, 3 not found, 4 no right, 5 network or origin,
    6 wrong content, 7 disk or file, 8 data directory in use, 9 refused address, 10 timed out.
    See docs/reference/exit-codes.md.

    Examples:
      # what unfinished downloads have stored
      dfget cache ls
      # all of a folder
      dfget cache rm --all --data-dir /srv/dfget
    ",
    }
  `)
})

test('a command is found behind flags, and the value of a flag is none', async () => {
  const words = async (line: string) => {
    const read = await parseCommandLine(line.split(' '))
    return { command: read.command, operands: 'operands' in read ? read.operands : undefined }
  }
  expect(await words('--data-dir /x cache ls')).toEqual({ command: 'cache', operands: ['ls'] })
  expect(await words('-O cache http://o/f')).toEqual({ command: 'get', operands: ['http://o/f'] })
  const listed = { command: 'preheat jobs', operands: ['ls'] }
  expect(await words('--json preheat ls')).toEqual(listed)
  expect(await words('preheat --supernode http://s ls')).toEqual(listed)
  expect(await words('--json completion bash')).toMatchObject({ command: 'completion' })
})

test.each([[[]], [['cache']], [['preheat']], [['preheat', 'ls']]])(
  'the examples in the help of %j are command lines that it takes',
  async (command) => {
    const help = await parseCommandLine([...command, '--help'])
    const text = help.command === 'help' ? help.text : ''
    const [, examples = ''] = text.split('Examples:')
    const lines = [...examples.matchAll(/^ {2}(dfget [^#|\n]+)/gm)].map(([, line = '']) => line)
    expect(lines.length).toBeGreaterThan(0)
    for (const line of lines) {
      const [, ...words] = line.trim().split(' ')
      await expect(parseCommandLine(words)).resolves.toHaveProperty('operands')
    }
  },
)
