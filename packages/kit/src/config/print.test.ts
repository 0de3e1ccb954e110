import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { defineConfig } from './define.ts'
import { reconfigure } from './diff.ts'
import { loadConfig } from './load.ts'
import { printConfig } from './print.ts'
import { configReference, helpText } from './reference.ts'

const definition = defineConfig({
  program: 'testd',
  envPrefix: 'TESTD',
  summary: 'Tests things.',
  schema: Type.Object({
    url: Type.String({ description: 'where to ask', unit: 'url' }),
    token: Type.Optional(Type.String({ description: 'word', secret: true, reloadable: true })),
    allow: Type.Array(Type.String(), {
      description: 'who may',
      placeholder: 'HOST|CIDR',
      reloadable: true,
    }),
    dataDir: Type.String({ description: 'files', unit: 'path', defaultText: 'below /var/lib' }),
    verbose: Type.Boolean({ description: 'say more' }),
    gc: Type.Object({
      high: Type.Integer({
        description: 'when to start',
        unit: 'bytes',
        default: '1GiB',
        reloadable: true,
      }),
      note: Type.Optional(Type.String({ description: 'free text', reloadable: true })),
    }),
  }),
  examples: [['testd --url http://x', 'ask x']],
  defaults: () => ({ dataDir: '/var/lib/testd' }),
})

const load = (argv: string[]) =>
  loadConfig(definition, { argv: ['--url', 'http://a', ...argv], env: {}, cwd: '/' })

test('a printed configuration shows text units and sources, and no secret', () => {
  const { config, sources } = load(['--token', 'hunter2', '--gc.high', '2048KiB'])
  expect(printConfig(definition, config, sources)).toBe(`# url comes from --url
# token: (set, not shown)
# token comes from --token
# gc.high comes from --gc.high
url: http://a
allow: []
dataDir: /var/lib/testd
verbose: false
gc:
  high: 2MiB
logLevel: info
`)
})

test('help has one line for each flag, with default and unit, then examples', () => {
  expect(helpText(definition)).toBe(`Tests things.

Usage:
  testd [FLAG]…                     run
  testd config print|check [FLAG]…  show or check the configuration
  testd config reference            every setting, as Markdown
  testd completion bash|zsh         a script for the shell

Flags:
  --url URL           where to ask (required)
  --token TEXT        word
  --allow HOST|CIDR…  who may
  --data-dir PATH     files (default below /var/lib)
  --verbose           say more
  --gc.high SIZE      when to start (default 1GiB)
  --gc.note TEXT      free text
  --log-level LEVEL   least important messages to log: trace, debug, info, warn, error or fatal (default info)
  --config FILE       read settings from a YAML, TOML or JSON file
  --help              print this
  --version           print the version

Exit codes: 0 done, 2 wrong usage or configuration; all in docs/reference/exit-codes.md.

Examples:
  # ask x
  testd --url http://x
`)
})

test('the reference is a table of every key', () => {
  const rows = configReference(definition)
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  expect(rows).toHaveLength(definition.settings.length)
  expect(rows[1]).toBe(
    '| `token` | `--token` | `TESTD_TOKEN`, `TESTD_TOKEN_FILE` | `TEXT` | – | word (reloadable) |',
  )
  expect(rows[2]).toContain('`HOST\\|CIDR…`')
  expect(rows[5]).toBe(
    '| `gc.high` | `--gc.high` | `TESTD_GC__HIGH` | `SIZE` | 1GiB | when to start (reloadable) |',
  )
})

test('of a configuration read again only reloadable keys are taken over, secrets masked', () => {
  const before = load(['--token', 'old', '--gc.note', 'n']).config
  const after = load(['--token', 'new', '--allow', 'x,y', '--verbose', '--gc.high', '2GiB']).config
  const result = reconfigure(definition, before, after)
  expect(result.config).toEqual({ ...after, verbose: false })
  expect(result.refused).toEqual([{ key: 'verbose', from: 'false', to: 'true' }])
  expect(result.applied).toEqual([
    { key: 'token', from: '(set, not shown)', to: '(set, not shown)' },
    { key: 'allow', from: 'none', to: 'x, y' },
    { key: 'gc.high', from: '1GiB', to: '2GiB' },
    { key: 'gc.note', from: 'n', to: 'not set' },
  ])
  expect(before.gc.note).toBe('n')
})
